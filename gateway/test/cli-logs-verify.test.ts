import { errors } from "@cohort/proto/errors";
import { LogLine } from "@cohort/proto/gen/cohort/console";
import { Entry } from "@cohort/proto/gen/cohort/ledger";
import { canonicalJson } from "@cohort/proto/ledger/canonical";
import { signCheckpoint } from "@cohort/proto/ledger/checkpoint";
import { leafHash, MerkleTree } from "@cohort/proto/ledger/merkle";
import { encodeVerifierKey } from "@cohort/proto/ledger/note";
import { chainOutput, emptyOutputChain } from "@cohort/proto/ledger/output-chain";
import { beforeEach, describe, expect, it } from "vitest";
import { newSigner, sha256 } from "../../proto/test/ledger/reference.ts";
import { useCli } from "./kit/cli.ts";

const cli = useCli();
const { run } = cli;
const signer = newSigner("mesh.example");
const verifierKey = encodeVerifierKey(signer, sha256);

const attempt = (step: string) => ({ run: "01RUN", step, instance: 0, attempt: 1 });
const piece = (step: string, offset: number, text: string) =>
  LogLine.fromPartial({ attempt: attempt(step), stream: 1, offset, data: Buffer.from(text) });

/** An end of which the node told; `kept` is what the coordinator had of its output by then. */
function ended(step: string, kept: readonly LogLine[], logBytes: number | undefined) {
  const chain = kept.reduce((before, it) => chainOutput(before, it, sha256), emptyOutputChain);
  const bytes = kept.reduce((sum, { data }) => sum + data.length, 0);
  const output = kept.length === 0 ? undefined : { bytes, pieces: kept.length, chain };
  const result = { outcome: "succeeded", logBytes };
  const value = { attempt: attempt(step), result, nodeSeq: 9, output };
  return Entry.fromPartial({ seq: 1, atMs: 1, event: { $case: "attemptEnded", value } });
}

function ledgerOf(...entries: readonly Entry[]) {
  const tree = new MerkleTree(sha256);
  const leaves = entries.map((entry, at) => {
    const json = canonicalJson(Entry.toJSON({ ...entry, seq: at + 1 }));
    const hash = leafHash(sha256, Buffer.from(json));
    tree.append(hash);
    return { json, leafHash: hash, checkpoint: "", droppedBy: 0 };
  });
  const checkpoint = signCheckpoint({ size: tree.size, root: tree.root() }, signer, sha256);
  return [{ checkpoint, verifierKey, leaves }];
}

const two = [piece("a", 0, "one\n"), piece("a", 4, "two\n")];

beforeEach(() => {
  cli.fake.handlers["Ledger.export"] = () => ledgerOf(ended("a", two, 20));
});

async function verify(...lines: readonly LogLine[]) {
  cli.fake.handlers["Runs.logs"] = () => lines;
  const { status, stdout } = await run(["logs", "--verify", "01RUN", "-o", "json"]);
  const { outputs } = JSON.parse(stdout) as { outputs: { state: string; missing: number }[] };
  return [status, ...outputs.map(({ state, missing }) => `${state}, ${missing} missing`)];
}

describe("cohort logs --verify", () => {
  it("says which output is as the ledger recorded it, and how much was lost before", async () => {
    expect(await verify(...two)).toEqual([0, "as recorded, 12 missing"]);
  });

  it.each<[string, LogLine[]]>([
    ["was changed", [piece("a", 0, "one\n"), piece("a", 4, "TWO\n")]],
    ["was moved", [piece("a", 0, "one\n"), piece("a", 5, "two\n")]],
    ["is in part gone", two.slice(0, 1)],
    ["is gone", []],
  ])("tells output that %s", async (_what, lines) => {
    const [status, told] = await verify(...lines);
    expect([status, told]).toEqual([errors.LEDGER_INVALID.exit, expect.stringMatching(/^differs/)]);
  });

  it("does not take what came after the end for a change", async () => {
    expect(await verify(...two, piece("a", 20, "later"))).toEqual([0, "as recorded, 12 missing"]);
  });

  it("says of what output the ledger knows nothing", async () => {
    const recorded = ended("a", two, undefined);
    cli.fake.handlers["Ledger.export"] = () => ledgerOf(recorded, ended("quiet", [], 0));
    expect(await verify(...two, piece("running", 0, "x"))).toEqual([
      0,
      "as recorded, null missing",
      "as recorded, 0 missing",
      "unrecorded, null missing",
    ]);
  });

  it("believes no ledger that another key has signed", async () => {
    cli.fake.handlers["Runs.logs"] = () => two;
    const key = encodeVerifierKey(newSigner("mesh.example"), sha256);
    const { status, stdout, stderr } = await run(["logs", "01RUN", "--key", key]);
    expect([status, stdout]).toEqual([errors.LEDGER_INVALID.exit, ""]);
    expect(stderr).not.toBe("");
  });

  it("cannot be asked for together with what prints output", async () => {
    for (const other of [["-f"], ["--step", "a"], ["--after", "3"]]) {
      expect((await run(["logs", "--verify", "01RUN", ...other])).status).toBe(2);
    }
  });
});
