import { readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ExportChunk } from "@cohort/proto/gen/cohort/console";
import { canonicalJson } from "@cohort/proto/ledger/canonical";
import { signCheckpoint } from "@cohort/proto/ledger/checkpoint";
import { leafHash, MerkleTree, textLeafHash } from "@cohort/proto/ledger/merkle";
import { encodeVerifierKey, toBase64 } from "@cohort/proto/ledger/note";
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

  describe("some of whose payloads were dropped", () => {
    /** Three entries, the third of which records what is left of the first. */
    function droppedLedger(): ExportChunk[] {
      const whole = canonicalJson({ atMs: 1, runEnded: { outputsJson: "4711", run: "r" }, seq: 1 });
      const left = canonicalJson({
        dropped: { outputsJson: 4 },
        entry: { atMs: 1, runEnded: { run: "r" }, seq: 1 },
      });
      const entries = [{ remainderHash: toBase64(textLeafHash(sha256, left)), seq: 1 }];
      const texts = [
        whole,
        canonicalJson({ atMs: 2, seq: 2 }),
        canonicalJson({ atMs: 3, payloadsDropped: { entries }, seq: 3 }),
      ];
      const tree = new MerkleTree(sha256);
      const leaves = texts.map((json) => {
        const hash = textLeafHash(sha256, json);
        tree.append(hash);
        return { json, leafHash: hash, checkpoint: "", droppedBy: 0 };
      });
      leaves[0] = { ...(leaves[0] as (typeof leaves)[0]), json: left, droppedBy: 3 };
      const checkpoint = signCheckpoint({ size: 3, root: tree.root() }, signer, sha256);
      return [{ checkpoint, verifierKey, leaves }];
    }

    async function exported(): Promise<string> {
      cli.fake.handlers["Ledger.export"] = () => droppedLedger();
      const file = join(newFolder(), "ledger.jsonl");
      expect(await run(["ledger", "export", "-O", file])).toMatchObject({ status: 0 });
      return file;
    }

    const verify = (file: string) =>
      run(["ledger", "verify", "--export", file, "--key", verifierKey]);

    it("verifies offline, and says how many", async () => {
      const { status, stdout } = await verify(await exported());
      expect({ status, stdout }).toEqual({
        status: 0,
        stdout: expect.stringMatching(
          /^3 entries, root [0-9a-f]{64}: as signed\n1 of them is without its payload: dropped by retention/,
        ),
      });
    });

    it("does not verify with another word in what is left, or without a word of it", async () => {
      const file = await exported();
      const text = readFileSync(file, "utf8");
      for (const [from, to] of [
        ['\\"run\\":\\"r\\"', '\\"run\\":\\"q\\"'],
        [',"dropped_by":3', ""],
        [',"dropped_by":3', ',"dropped_by":2'],
        [',"dropped_by":3', ',"dropped_by":-3'],
        [',"dropped_by":3', ',"dropped_by":"3"'],
      ] as const) {
        expect(text).toContain(from);
        writeFileSync(file, text.replace(from, to));
        expect(await verify(file), to).toMatchObject({ status: 4 });
      }
    });

    it("proves the hash of an entry, and says when and why its payload was dropped", async () => {
      const [{ leaves, checkpoint } = { leaves: [], checkpoint: "" }] = droppedLedger();
      const hashes = leaves.map(({ leafHash: hash }) => hash);
      cli.fake.handlers["Ledger.prove"] = () => ({
        ...{ json: leaves[0]?.json, leafHash: hashes[0], checkpoint },
        path: [hashes[1], hashes[2]],
        dropped: { by: 3, atMs: 1_700_000_000_000, maxAgeMs: 86_400_000 },
      });
      const file = join(newFolder(), "1.tlog-proof");
      const proved = await run(["ledger", "prove", "1", "-O", file]);
      expect(proved.stderr).toContain(Buffer.from(hashes[0] ?? []).toString("hex"));
      expect(proved.stderr).toContain("as entry 3 records: payloads are kept for 1d after");
      const argv = ["ledger", "verify", "--proof", file, "--key", verifierKey];
      const { status, stdout } = await run([...argv, "-o", "json"]);
      expect(status).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({
        ok: true,
        seq: 1,
        leaf_hash: Buffer.from(hashes[0] ?? []).toString("hex"),
        dropped: { by: 3, at_ms: 1_700_000_000_000, max_age_ms: 86_400_000 },
        remainder: leaves[0]?.json,
      });
      expect((await run(argv)).stdout).toContain("its payload was dropped at");
    });
  });

  it("says how long payloads are kept, and what was dropped", async () => {
    const reply = { historyMaxAgeMs: 86_400_000, historyMaxRuns: 9, dropped: 4, droppedMs: 1_000 };
    cli.fake.handlers["Ledger.retention"] = () => ({ ...reply, payloadMaxAgeMs: 172_800_000 });
    const shown = await run(["ledger", "retention"]);
    expect(shown).toMatchObject({ status: 0 });
    expect(shown.stdout).toContain("payloads in the ledger: 2d after their run has ended");
    expect(shown.stdout).toContain("dropped so far: 4 entries");
    cli.fake.handlers["Ledger.retention"] = () => ({ ...reply, payloadMaxAgeMs: 0 });
    const { stdout } = await run(["ledger", "retention", "-o", "json"]);
    expect(JSON.parse(stdout)).toMatchObject({ payload_max_age_ms: null, dropped: 4 });
  });

  it("shows what a forged entry says without obeying it", async () => {
    const json = canonicalJson({ seq: "\u009b2J\u202e" });
    const hash = leafHash(sha256, Buffer.from(json));
    const leaves = [{ json, leafHash: hash, checkpoint: "", droppedBy: 0 }];
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
