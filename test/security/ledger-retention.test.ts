import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildGoVerifier } from "../kit/go-ledger.ts";
import { TestMesh } from "../kit/mesh.ts";

/** What a person would have to be forgotten by. */
const marker = "ACME of 4 Mill Lane";
const workflow = `
kind: workflow
name: greet
inputs:
  name: { type: string, default: nobody }
steps:
  - { id: rest, sleep: 10ms }
outputs:
  greeting: "Good day, \${{ inputs.name }}"
`;

let mesh: TestMesh;
let key: string;
let whole: string;

const file = (name: string) => join(mesh.home, name);

async function cohort(...argv: string[]): Promise<string> {
  const { exit, stdout, stderr } = await mesh.cohort(...argv);
  expect({ exit, stderr: exit === 0 ? "" : stderr }).toEqual({ exit: 0, stderr: "" });
  return stdout;
}

const json = async <Value>(...argv: string[]) =>
  JSON.parse(await cohort(...argv, "-o", "json")) as Value;

/** As often as not it dies in the midst of removing or dropping. */
async function restart(): Promise<void> {
  const coordinator = mesh.program("coordinator");
  await coordinator.kill("SIGKILL");
  await coordinator.start();
}

const retention = () => json<{ readonly dropped: number }>("ledger", "retention");

beforeAll(async () => {
  mesh = await TestMesh.start({
    initArguments: ["--history-max-runs", "1", "--ledger-payload-max-age", "1s"],
  });
  await mesh.apply([{ path: "greet.yaml", text: workflow }]);
  const runs: string[] = [];
  for (const name of [marker, marker, "somebody else"]) {
    const run = await mesh.run("greet", { name });
    expect(await mesh.ended(run)).toMatchObject({ state: "succeeded" });
    runs.push(run);
  }
  await cohort("ledger", "checkpoint", "-O", file("older"));
  await cohort("ledger", "export", "-O", file("whole.jsonl"));
  whole = readFileSync(file("whole.jsonl"), "utf8");
  expect(whole).toContain(marker);
  ({ verifier_key: key } = JSON.parse(whole.split("\n")[0] ?? "") as { verifier_key: string });

  // Each begins with what is due: the first removes the runs, a later one finds that they are.
  await restart();
  await mesh.until(async () => {
    const { stderr } = await mesh.cohort("status", runs[0] ?? "");
    return stderr.includes("RUN_UNKNOWN");
  });
  await mesh.until(async () => {
    if ((await retention()).dropped > 0) return true;
    await restart();
    return false;
  });
  // As soon as it serves it purges the file, whatever the process before had left there.
  await restart();
});
afterAll(() => mesh?.stop());

describe("a ledger whose payloads are kept for a second", () => {
  it("has dropped them, and holds nothing of them on its disk", async () => {
    const data = join(mesh.home, "coordinator");
    const holds = () =>
      ["cohort.db", "cohort.db-wal"]
        .map((name) => join(data, name))
        .some((path) => existsSync(path) && readFileSync(path).includes(marker));
    await mesh.until(async () => !holds());
    expect((await retention()).dropped).toBeGreaterThanOrEqual(4);
  });

  it("verifies offline with the public key alone, and says what is gone", async () => {
    await cohort("ledger", "export", "-O", file("left.jsonl"));
    expect(readFileSync(file("left.jsonl"), "utf8")).not.toContain(marker);
    const argv = ["ledger", "verify", "--export", file("left.jsonl"), "--key", key];
    expect(await json(...argv)).toMatchObject({ ok: true, dropped: (await retention()).dropped });
    expect(await cohort(...argv)).toContain("dropped by retention");
  });

  it("does not verify with anything else left of an entry, or without a word of why (77)", async () => {
    const text = readFileSync(file("left.jsonl"), "utf8");
    const [left = ""] = text.split("\n").filter((it) => it.includes('"dropped_by":'));
    const { seq } = (JSON.parse((JSON.parse(left) as { json: string }).json) as Left).entry;
    for (const changed of [
      left.replace('\\"trigger\\":\\"operator\\"', '\\"trigger\\":\\"mqtt\\"'),
      left.replace(/,"dropped_by":\d+/, ""),
      left.replace(/"dropped_by":\d+/, '"dropped_by":1'),
    ]) {
      expect(changed).not.toBe(left);
      writeFileSync(file("forged.jsonl"), text.replace(left, changed));
      const argv = ["ledger", "verify", "--export", file("forged.jsonl"), "--key", key];
      const { exit, stdout } = await mesh.cohort(...argv, "-o", "json");
      expect(exit).toBe(4);
      expect(JSON.parse(stdout)).toMatchObject({ ok: false, code: "LEDGER_INVALID", seq });
    }
  });

  it("has grown from what it was before, and has each leaf's hash that it had", async () => {
    await cohort("ledger", "prove", "--since", file("older"), "-O", file("growth"));
    const growth = ["--proof", file("growth"), "--since", file("older")];
    await cohort("ledger", "verify", ...growth, "--key", key);
    const hashes = (text: string) =>
      text
        .split("\n")
        .slice(1, -1)
        .map((line) => (JSON.parse(line) as { leaf_hash: string }).leaf_hash);
    const before = hashes(whole);
    expect(hashes(readFileSync(file("left.jsonl"), "utf8")).slice(0, before.length)).toEqual(
      before,
    );
  });

  it("proves what is left by hash, to Go's sumdb too (77)", async () => {
    const left = readFileSync(file("left.jsonl"), "utf8").split("\n");
    const seq = left.findIndex((line) => line.includes('"dropped_by":'));
    const proof = file(`${seq}.tlog-proof`);
    const { stderr } = await mesh.cohort("ledger", "prove", String(seq), "-O", proof);
    expect(stderr).toContain("its payload was dropped at");
    expect(await json("ledger", "verify", "--proof", proof, "--key", key)).toMatchObject({
      ok: true,
      seq,
      dropped: { max_age_ms: 1_000 },
    });
    await cohort("ledger", "tiles", file("tiles"));
    const verify = await buildGoVerifier(mesh.home);
    expect(verify(key, file("tiles"), proof, file("older"), file("growth"))).toContain(
      `entry ${seq}\n`,
    );
  });
});

interface Left {
  readonly entry: { readonly seq: number };
}
