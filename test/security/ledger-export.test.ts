import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "@cohort/coordinator/src/ledger/crypto.ts";
import { createCheckpointSigner } from "@cohort/coordinator/src/ledger/ledger.ts";
import { signCheckpoint } from "@cohort/proto/ledger/checkpoint";
import { leafHash, MerkleTree } from "@cohort/proto/ledger/merkle";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli } from "../kit/cli.ts";
import { TestMesh } from "../kit/mesh.ts";

interface Export {
  readonly head: { readonly checkpoint: string; readonly verifier_key: string };
  readonly leaves: readonly { readonly leaf_hash: string; readonly json: string }[];
}

let mesh: TestMesh;
let honest: Export;
/** As an auditor noted it when the mesh was set up. */
let key: string;

beforeAll(async () => {
  mesh = await TestMesh.start();
  await mesh.startFactory();
  await mesh.startAgents();
  await mesh.ended(await mesh.run("press-vibration", { press: "p1", rms: 6.2 }));
  const { ledger } = mesh.client;
  key = (await mesh.client.call(ledger, ledger.checkpoint, {})).verifierKey;
  const path = join(mesh.home, "honest.jsonl");
  expect((await mesh.cohort("ledger", "export", "-O", path)).exit).toBe(0);
  const [head = "", ...lines] = readFileSync(path, "utf8").trimEnd().split("\n");
  honest = { head: JSON.parse(head), leaves: lines.map((line) => JSON.parse(line)) };
  for (const program of [...mesh.programs.values()].reverse()) await program.kill("SIGTERM");
});
afterAll(() => mesh?.stop());

/** Verifies the export with nothing but the auditor's key: no process of the mesh runs any more. */
async function verify(ledger: Export): Promise<{ exit: number; verdict: Record<string, unknown> }> {
  const path = join(mesh.home, "export.jsonl");
  const lines = [ledger.head, ...ledger.leaves].map((it) => JSON.stringify(it));
  writeFileSync(path, `${lines.join("\n")}\n`);
  const argv = ["ledger", "verify", "--export", path, "--key", key, "-o", "json"];
  const { exit, stdout } = await runCli(argv);
  return { exit, verdict: JSON.parse(stdout) };
}

const edited = ({ leaves }: Export, at: number) =>
  leaves.map((leaf, index) =>
    index === at ? { ...leaf, json: leaf.json.replace(/"atMs":"?\d/, '"atMs":9') } : leaf,
  );

describe("an exported ledger, offline", () => {
  it("verifies with the key alone", async () => {
    const { exit, verdict } = await verify(honest);
    expect(exit).toBe(0);
    expect(verdict).toMatchObject({ ok: true, size: honest.leaves.length });
  });

  it("is not verified by the key that came with it", async () => {
    const argv = ["ledger", "verify", "--export", join(mesh.home, "export.jsonl")];
    expect((await runCli(argv)).exit).toBe(2);
  });

  it.each(["edited", "deleted", "doubled", "swapped with the next"])(
    "fails with any entry %s, and names it (77)",
    async (what) => {
      for (const at of [0, Math.floor(honest.leaves.length / 2), honest.leaves.length - 2]) {
        const { leaves } = honest;
        const [leaf, next] = leaves.slice(at, at + 2) as [Export["leaves"][0], Export["leaves"][0]];
        const changed = {
          edited: () => edited(honest, at),
          deleted: () => leaves.toSpliced(at, 1),
          doubled: () => leaves.toSpliced(at, 0, leaf),
          "swapped with the next": () => leaves.toSpliced(at, 2, next, leaf),
        }[what];
        const { exit, verdict } = await verify({ ...honest, leaves: changed?.() ?? [] });
        expect(exit).toBe(4);
        // Of two alike the second is the one too many.
        const seq = what === "doubled" ? at + 2 : at + 1;
        expect(verdict).toMatchObject({ ok: false, code: "LEDGER_INVALID", seq });
      }
    },
  );

  it("fails when its last entries are gone, and names the first that is missing (77)", async () => {
    const leaves = honest.leaves.slice(0, -3);
    const { exit, verdict } = await verify({ ...honest, leaves });
    expect(exit).toBe(4);
    expect(verdict).toMatchObject({ ok: false, seq: leaves.length + 1 });
  });
});

describe("a ledger that was forged as a whole", () => {
  /** Another history, hashed right, under a checkpoint that a key of the forger's has signed. */
  function forged(): Export {
    const [origin = ""] = honest.head.checkpoint.split("\n");
    const signer = createCheckpointSigner(randomBytes(32), origin);
    const tree = new MerkleTree(sha256);
    const leaves = edited(honest, 4).map(({ json }) => {
      const hash = leafHash(sha256, Buffer.from(json));
      tree.append(hash);
      return { leaf_hash: Buffer.from(hash).toString("hex"), json };
    });
    const checkpoint = signCheckpoint({ size: tree.size, root: tree.root() }, signer, sha256);
    return { head: { checkpoint, verifier_key: signer.verifierKey }, leaves };
  }

  it("fails under a key that is not the mesh's (83)", async () => {
    const { exit, verdict } = await verify(forged());
    expect(exit).toBe(4);
    expect(verdict).toMatchObject({ ok: false, code: "LEDGER_INVALID", seq: null });
    expect(String(verdict["reason"])).toContain("not signed by the verifier key");
  });

  it("fails with the mesh's own signature taken from another checkpoint (83)", async () => {
    const forgery = forged();
    const signature = honest.head.checkpoint.split("\n\n")[1] ?? "";
    const text = forgery.head.checkpoint.split("\n\n")[0] ?? "";
    const checkpoint = `${text}\n\n${signature}`;
    const { exit, verdict } = await verify({ ...forgery, head: { checkpoint, verifier_key: key } });
    expect(exit).toBe(4);
    expect(String(verdict["reason"])).toContain("signature does not verify");
  });
});
