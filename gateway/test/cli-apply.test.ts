import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ApplyRequest } from "@cohort/proto/gen/cohort/console";
import { describe, expect, it } from "vitest";
import { useCli } from "./kit/cli.ts";
import { newFolder } from "./kit/cohort.ts";
import { Refusal } from "./kit/fake-console.ts";

const cli = useCli();
const { run } = cli;

const updated = {
  kind: "workflow",
  name: "press",
  version: "abcdef0123456789",
  change: "updated",
  before: "a: 1\nb: 2\nc: 3\n",
  after: "a: 1\nb: 5\nc: 3\n",
};
const noLines = "--- /dev/null\n+++ workflow/press\n";
const diff =
  "--- workflow/press\n+++ workflow/press\n@@ -1,3 +1,3 @@\n a: 1\n-b: 2\n+b: 5\n c: 3\n";

function folder(): string {
  const directory = newFolder();
  writeFileSync(join(directory, "w.yaml"), "kind: workflow");
  return directory;
}

describe("cohort apply", () => {
  it("shows what changes as a unified diff, without colours where no terminal reads", async () => {
    cli.fake.handlers["Resources.apply"] = () => ({
      changes: [updated, { ...updated, name: "other", change: "unchanged", before: "", after: "" }],
    });
    const { status, stdout } = await run(["apply", "-f", "."], { directory: folder() });
    expect(status).toBe(0);
    expect(stdout).toContain(diff);
    expect(stdout).toMatch(/workflow +other +abcdef012345 +unchanged/);
    expect(stdout).not.toContain("\u001b");
  });

  it("tells by its exit status whether a dry run would change something", async () => {
    const dryRun = () => run(["apply", "-f", ".", "--dry-run"], { directory: folder() });
    cli.fake.handlers["Resources.apply"] = () => ({ changes: [updated] });
    expect(await dryRun()).toMatchObject({ status: 6 });
    cli.fake.handlers["Resources.apply"] = () => ({
      changes: [{ ...updated, change: "unchanged", before: "", after: "" }],
    });
    expect(await dryRun()).toMatchObject({ status: 0 });
    cli.fake.handlers["Resources.apply"] = () => {
      throw new Refusal("RESOURCE_INVALID");
    };
    expect(await dryRun()).toMatchObject({ status: 4 });
  });

  it("shows all of what is new, and says where there is too much to show", async () => {
    cli.fake.handlers["Resources.apply"] = () => ({
      changes: [
        { ...updated, change: "created", before: "", after: "a: 1\n" },
        { ...updated, name: "huge", before: "", after: "", textsTooLarge: true },
      ],
    });
    const { stdout } = await run(["apply", "-f", "."], { directory: folder() });
    expect(stdout).toContain("--- /dev/null\n+++ workflow/press\n@@ -0,0 +1,1 @@\n+a: 1\n");
    expect(stdout).toContain("workflow/huge changes in more places than can be shown");
  });

  it("sends the YAML files of a folder in order, and certificates but no private key", async () => {
    cli.fake.handlers["Resources.apply"] = () => ({
      changes: [{ kind: "workflow", name: "press", version: "abc", change: "created" }],
    });
    const directory = newFolder();
    const files = {
      "b.yml": "kind: service",
      "a.yaml": "kind: workflow",
      "notes.txt": "no",
      "ca.pem": "-----BEGIN CERTIFICATE-----\n",
      "key.pem": "-----BEGIN PRIVATE KEY-----\n",
    };
    mkdirSync(join(directory, "res"));
    for (const [name, text] of Object.entries(files))
      writeFileSync(join(directory, "res", name), text);
    const { status, stdout } = await run(["apply", "-f", "res", "--dry-run", "-o", "json"], {
      directory,
    });
    expect(status).toBe(6);
    expect(cli.fake.requests[0]?.request).toEqual(
      ApplyRequest.fromPartial({
        dryRun: true,
        withTexts: true,
        files: [
          { path: "res/a.yaml", text: "kind: workflow" },
          { path: "res/b.yml", text: "kind: service" },
          { path: "res/ca.pem", text: "-----BEGIN CERTIFICATE-----\n" },
        ],
      }),
    );
    expect(JSON.parse(stdout)).toEqual({
      dry_run: true,
      changes: [
        { kind: "workflow", name: "press", version: "abc", change: "created", diff: noLines },
      ],
    });
  });

  it("refuses a folder without YAML, and a file that is not UTF-8", async () => {
    const directory = newFolder();
    expect(await run(["apply", "-f", "."], { directory })).toMatchObject({ status: 2 });
    writeFileSync(join(directory, "a.yaml"), Buffer.of(0xff, 0xfe));
    expect(await run(["apply", "-f", "a.yaml"], { directory })).toMatchObject({ status: 2 });
  });
});
