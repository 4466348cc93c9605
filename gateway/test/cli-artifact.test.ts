import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { useCli } from "./kit/cli.ts";
import { newFolder } from "./kit/cohort.ts";

const cli = useCli();
const { run } = cli;

describe("cohort artifact", () => {
  const data = Buffer.from("what a sensor saw");
  const artifact = {
    step: "sample",
    instance: 2,
    attempt: 1,
    name: "trace",
    sha256: createHash("sha256").update(data).digest(),
    size: data.length,
    storedMs: 5,
  };
  const sending = (content: Buffer) => () => [
    { artifact, data: Buffer.alloc(0) },
    { artifact: undefined, data: content.subarray(0, 5) },
    { artifact: undefined, data: content.subarray(5) },
  ];

  it("lists what a run's steps left", async () => {
    cli.fake.handlers["Artifacts.list"] = () => ({ artifacts: [artifact] });
    const { stdout } = await run(["artifact", "list", "run1", "-o", "json"]);
    const sha256 = artifact.sha256.toString("hex");
    expect(JSON.parse(stdout)).toEqual({
      artifacts: [
        { step: "sample", instance: 2, attempt: 1, name: "trace", sha256, size: 17, stored_ms: 5 },
      ],
    });
  });

  it("writes one to a file, and leaves what was there when it does not arrive whole", async () => {
    const file = join(newFolder(), "trace");
    const get = ["artifact", "get", "run1", "sample", "trace", "--instance", "2", "-O", file];
    cli.fake.handlers["Artifacts.get"] = sending(data);
    expect(await run(get)).toMatchObject({ status: 0 });
    expect(readFileSync(file)).toEqual(data);
    expect(cli.fake.requests[0]?.request).toEqual({
      run: "run1",
      step: "sample",
      name: "trace",
      instance: 2,
    });
    cli.fake.handlers["Artifacts.get"] = sending(Buffer.from("what a rogue wrote"));
    const spoilt = await run(get);
    expect(spoilt.status).not.toBe(0);
    expect(spoilt.stderr).toContain("ARTIFACT_CORRUPT");
    expect(readFileSync(file)).toEqual(data);
    expect(existsSync(`${file}.partial`)).toBe(false);
  });

  it("refuses an instance that is no number", async () => {
    const get = ["artifact", "get", "run1", "sample", "trace", "--instance", "x"];
    expect(await run(get)).toMatchObject({ status: 2 });
  });
});
