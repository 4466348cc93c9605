import { readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ExportChunk } from "@cohort/proto/gen/cohort/console";
import { canonicalJson } from "@cohort/proto/ledger/canonical";
import { signCheckpoint } from "@cohort/proto/ledger/checkpoint";
import { leafHash, MerkleTree } from "@cohort/proto/ledger/merkle";
import { encodeVerifierKey } from "@cohort/proto/ledger/note";
import { describe, expect, it } from "vitest";
import { newSigner, sha256 } from "../../proto/test/ledger/reference.ts";
import { useCli } from "./kit/cli.ts";
import { execute, newFolder } from "./kit/cohort.ts";

const cli = useCli();
const { run } = cli;

describe("cohort ledger", () => {
  const signer = newSigner("mesh.example");
  const verifierKey = encodeVerifierKey(signer, sha256);

  function ledgerOf(size: number): ExportChunk[] {
    const tree = new MerkleTree(sha256);
    const leaves = Array.from({ length: size }, (_, at) => {
      const json = canonicalJson({ seq: at + 1, at_ms: at });
      const hash = leafHash(sha256, Buffer.from(json));
      tree.append(hash);
      return { json, leafHash: hash, checkpoint: "", droppedBy: 0 };
    });
    const checkpoint = signCheckpoint({ size, root: tree.root() }, signer, sha256);
    return [
      { checkpoint, verifierKey, leaves: leaves.slice(0, 2) },
      { checkpoint: "", verifierKey: "", leaves: leaves.slice(2) },
    ];
  }

  it("verifies what the coordinator has", async () => {
    cli.fake.handlers["Ledger.export"] = () => ledgerOf(5);
    const { status, stdout } = await run(["ledger", "verify", "-o", "json"]);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      ok: true,
      size: 5,
      dropped: 0,
      root: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  it("refuses it when another key was to have signed", async () => {
    cli.fake.handlers["Ledger.export"] = () => ledgerOf(5);
    const key = encodeVerifierKey(newSigner("mesh.example"), sha256);
    expect(await run(["ledger", "verify", "--key", key])).toMatchObject({ status: 4 });
  });

  it("exports to a file that verifies offline, and names the entry that was edited in it", async () => {
    cli.fake.handlers["Ledger.export"] = () => ledgerOf(5);
    const file = join(newFolder(), "ledger.jsonl");
    const exported = await run(["ledger", "export", "-O", file, "-o", "json"]);
    expect(JSON.parse(exported.stdout)).toEqual({ file, entries: 5, verifier_key: verifierKey });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const offline = ["ledger", "verify", "--export", file, "--key", verifierKey];
    const directory = dirname(file);
    expect(await execute(cli.cohort, offline, { directory })).toMatchObject({ status: 0 });

    writeFileSync(file, readFileSync(file, "utf8").replace('{\\"at_ms\\":2', '{\\"at_ms\\":9'));
    const edited = await execute(cli.cohort, [...offline, "-o", "json"], { directory });
    expect(edited.status).toBe(4);
    expect(JSON.parse(edited.stdout)).toMatchObject({
      ok: false,
      index: 2,
      seq: 3,
      code: "LEDGER_INVALID",
    });
  });

  it("shows what a forged entry says without obeying it", async () => {
    const json = canonicalJson({ seq: "\u009b2J\u202e" });
    const leaves = [{ json, leafHash: leafHash(sha256, Buffer.from(json)) }];
    cli.fake.handlers["Ledger.export"] = () => [{ checkpoint: "x", verifierKey, leaves }];
    const { status, stdout } = await run(["ledger", "verify"]);
    expect(status).toBe(4);
    expect(stdout).toContain("LEDGER_INVALID entry 1: it says that it is entry \\x9b2J\\u{202e}");
  });

  it("does not verify an export by the key that came with it", async () => {
    expect(await run(["ledger", "verify", "--export", "x"])).toMatchObject({ status: 2 });
  });

  it("refuses an export that is not one", async () => {
    const file = join(newFolder(), "x.jsonl");
    writeFileSync(file, "nonsense\n");
    const argv = ["ledger", "verify", "--key", verifierKey, "--export"];
    expect(await run([...argv, file])).toMatchObject({ status: 4 });
    expect(await run([...argv, "/does/not/exist"])).toMatchObject({ status: 2 });
  });
});
