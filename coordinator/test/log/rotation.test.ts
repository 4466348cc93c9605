import { type Entry, MeshCreated } from "@cohort/proto/gen/cohort/ledger";
import { verifyLedger } from "@cohort/proto/ledger/verify";
import { ledgerKeyProof } from "@cohort/proto/proof";
import { beforeAll, describe, expect, it } from "vitest";
import { noteCrypto } from "../../src/ledger/crypto.ts";
import { createCheckpointSigner } from "../../src/ledger/ledger.ts";
import { startCommitThread } from "../../src/log/commit-thread.ts";
import type { EventLog } from "../../src/log/log.ts";
import { openSqliteLog } from "../../src/log/sqlite.ts";
import { buildCommitProgram } from "../kit/commit-program.ts";
import { temporaryPath } from "../kit/temporary-path.ts";
import { entries, seed, signer } from "./samples.ts";

const program = temporaryPath("commit-thread.mjs");
beforeAll(() => buildCommitProgram(program));

const nextSeed = new Uint8Array(32).fill(8);
const next = createCheckpointSigner(nextSeed, signer.name);
const stranger = createCheckpointSigner(new Uint8Array(32).fill(9), signer.name);

function open(path: string, threaded: boolean): EventLog {
  const seedOf = (key: Uint8Array) =>
    Uint8Array.from(Buffer.from(key).equals(next.publicKey) ? nextSeed : seed);
  return openSqliteLog({
    path,
    signer,
    successors: [next],
    seedOf,
    ...(threaded
      ? {
          startThread: (edge, key) =>
            startCommitThread(program, { path, seed: seedOf(key), name: signer.name, edge }),
        }
      : {}),
  });
}

const created = (seq: number): Entry => ({
  seq,
  atMs: 1,
  event: {
    $case: "meshCreated",
    value: MeshCreated.fromPartial({ mesh: "m", ledgerKey: signer.publicKey }),
  },
});

const rotated = (seq: number, by = signer): Entry => ({
  seq,
  atMs: 1,
  event: {
    $case: "ledgerKeyRotated",
    value: {
      actor: "operator",
      key: next.publicKey,
      signature: by.sign(ledgerKeyProof(signer.name, next.publicKey)),
    },
  },
});

const verdictOf = (log: EventLog, verifierKey: string) =>
  verifyLedger({
    leaves: log.leaves(1, 1000),
    note: log.checkpoint(),
    verifierKey,
    crypto: noteCrypto,
  });

describe.each([
  ["in this thread", false],
  ["in a thread of its own", true],
])("another key for a log that is written %s", (_, threaded) => {
  it("signs from the commit on that records it, also after a restart", async () => {
    const path = temporaryPath("log.db");
    const log = open(path, threaded);
    await log.append([created(1)]);
    expect(verdictOf(log, next.verifierKey)).toMatchObject({ ok: false });
    await Promise.all([log.append(entries(2, 3)), log.append([rotated(4)])]);
    for (const key of [signer, next]) {
      expect(verdictOf(log, key.verifierKey)).toMatchObject({ ok: true, size: 4 });
    }
    await log.append(entries(5, 6));
    await log.close();

    const again = open(path, threaded);
    await again.append(entries(7, 9));
    for (const key of [signer, next]) {
      expect(verdictOf(again, key.verifierKey)).toMatchObject({ ok: true, size: 9 });
    }
    expect(verdictOf(again, stranger.verifierKey)).toMatchObject({ ok: false });
    await again.close();
  });

  it("is not followed when the one before did not sign it", async () => {
    const log = open(temporaryPath("log.db"), threaded);
    await log.append([created(1), rotated(2, stranger)]);
    expect(verdictOf(log, signer.verifierKey)).toMatchObject({
      ok: false,
      reason: expect.stringContaining("not signed by the one before"),
    });
    await log.close();
  });

  it("makes checkpoints of the former one worthless for what comes later", async () => {
    const log = open(temporaryPath("log.db"), threaded);
    await log.append([created(1), rotated(2)]);
    const forged = open(temporaryPath("log.db"), false);
    await forged.append([created(1)]);
    expect(
      verifyLedger({
        leaves: log.leaves(1, 10),
        note: forged.checkpoint(),
        verifierKey: signer.verifierKey,
        crypto: noteCrypto,
      }),
    ).toMatchObject({ ok: false });
    await log.close();
    await forged.close();
  });
});
