import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildGoVerifier } from "../kit/go-ledger.ts";
import { TestMesh } from "../kit/mesh.ts";

let mesh: TestMesh;
let folder: string;
let key: string;
let run: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "cohort-proofs-"));
  mesh = await TestMesh.start();
  await mesh.startFactory();
  await mesh.startAgents();
  await cohort("ledger", "checkpoint", "-O", file("older"));
  const ended = await mesh.ended(await mesh.run("press-vibration", { press: "p1", rms: 6.2 }));
  expect(ended).toMatchObject({ state: "succeeded" });
  run = ended.run;
  const exported = await cohort("ledger", "export", "-O", file("export"), "-o", "json");
  key = (JSON.parse(exported) as { verifier_key: string }).verifier_key;
  await cohort("ledger", "prove", run, "-O", file("run"));
  await cohort("ledger", "prove", "--since", file("older"), "-O", file("growth"));
});
afterAll(async () => {
  await mesh?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const file = (name: string) => join(folder, name);

async function cohort(...argv: string[]): Promise<string> {
  const { exit, stdout, stderr } = await mesh.cohort(...argv);
  expect({ exit, stderr: exit === 0 ? "" : stderr }).toEqual({ exit: 0, stderr: "" });
  return stdout;
}

const proofsOfRun = () => readdirSync(file("run")).map((name) => join(file("run"), name));

describe("what `cohort ledger prove` writes", () => {
  it("verifies with the public key alone: each entry of a run, and growth", async () => {
    expect(proofsOfRun().length).toBeGreaterThan(8);
    const texts: string[] = [];
    for (const proof of proofsOfRun()) {
      texts.push(await cohort("ledger", "verify", "--proof", proof, "--key", key));
    }
    for (const event of ["runStarted", "callIntended", "callSettled", "runEnded"]) {
      expect(texts.filter((text) => text.includes(`"${event}"`))).not.toEqual([]);
    }
    const growth = ["--proof", file("growth"), "--since", file("older")];
    await cohort("ledger", "verify", ...growth, "--key", key);
  });

  it("proves an entry by its number, and the entries of a step", async () => {
    const text = await cohort("ledger", "prove", "1");
    writeFileSync(file("first.tlog-proof"), text);
    const first = await cohort(
      "ledger",
      "verify",
      "--proof",
      file("first.tlog-proof"),
      "--key",
      key,
    );
    expect(first).toContain('"meshCreated"');
    const { step } = (await mesh.client.call(mesh.client.runs, mesh.client.runs.get, { run }))
      .steps[0] as { step: string };
    const found = JSON.parse(
      await cohort("ledger", "prove", `${run}/${step}`, "-O", file("step"), "-o", "json"),
    ) as { entries: number[] };
    expect(found.entries.length).toBeGreaterThan(0);
    expect(found.entries.length).toBeLessThan(proofsOfRun().length);
  });

  it("is refused when anything of it was changed (77, 83)", async () => {
    const [proof = ""] = proofsOfRun();
    const text = readFileSync(proof, "utf8");
    const other = key.replace(/\+[A-Za-z0-9+/=]{40,}$/, "");
    const changes = [
      text.replace(/index (\d+)/, (_, index: string) => `index ${Number(index) + 1}`),
      text.replace(/^extra (.)/m, (_, first: string) => `extra ${first === "e" ? "f" : "e"}`),
      text.replace(/(index \d+\n)[^\n]+\n/, "$1"),
      text.replace(/\n\n([^\n]+)\n(\d+)\n/, (_, origin, size) => `\n\n${origin}\n${size}1\n`),
    ];
    for (const changed of changes) {
      expect(changed).not.toBe(text);
      writeFileSync(file("changed.tlog-proof"), changed);
      const refused = await mesh.cohort(
        ...["ledger", "verify", "--proof", file("changed.tlog-proof"), "--key", key],
      );
      expect(refused.exit).toBe(4);
      expect(refused.stderr).toContain("LEDGER_INVALID");
    }
    expect(other).not.toBe(key);
    const unsigned = await mesh.cohort("ledger", "verify", "--proof", proof);
    expect(unsigned.exit).toBe(2);
  });

  it("does not exist for an entry, a run or a checkpoint that the ledger never had", async () => {
    expect((await mesh.cohort("ledger", "prove", "999999")).stderr).toContain("ENTRY_UNKNOWN");
    const unknown = await mesh.cohort("ledger", "prove", "nonsense", "-O", file("none"));
    expect(unknown.stderr).toContain("RUN_UNKNOWN");
    const later = readFileSync(file("older"), "utf8").replace(/\n\d+\n/, "\n999999\n");
    writeFileSync(file("later"), later);
    const never = await mesh.cohort("ledger", "prove", "--since", file("later"));
    expect(never.stderr).toContain("ENTRY_UNKNOWN");
  });
});

describe("a second implementation, Go's golang.org/x/mod/sumdb", () => {
  let verifier: Awaited<ReturnType<typeof buildGoVerifier>>;
  beforeAll(async () => {
    verifier = await buildGoVerifier(folder);
  });

  const verify = (...files: string[]) => verifier(key, file("tiles"), ...files);

  it("agrees with the checkpoint, the tiles, each entry's proof and the growth", async () => {
    await cohort("ledger", "tiles", file("tiles"));
    const said = verify(...proofsOfRun(), file("older"), file("growth"));
    expect(said.split("\n").filter((line) => line.startsWith("entry "))).toHaveLength(
      proofsOfRun().length,
    );
    expect(said).toMatch(/^tree \d+$/m);
    expect(said).toMatch(/^growth \d+ \d+$/m);
  });

  it("refuses what Cohort refuses", async () => {
    const [proof = ""] = proofsOfRun();
    const text = readFileSync(proof, "utf8");
    writeFileSync(file("moved.tlog-proof"), text.replace(/index \d+/, "index 0"));
    expect(() => verify(file("moved.tlog-proof"))).toThrow();
    writeFileSync(file("forged"), text.replace(/— (\S+) (.{20})./, "— $1 $2A"));
    expect(() => verify(file("older"), file("forged"))).toThrow();
  });
});
