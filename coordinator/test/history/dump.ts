import type { FinishedRun, RunHistory } from "../../src/history/history.ts";

/** All rows, byte by byte, the newest first. */
export function dump(history: RunHistory): unknown[] {
  const all = { workflow: "", state: "", startedBefore: Number.MAX_SAFE_INTEGER, count: 10_000 };
  return history.list(all).map(({ run }) => {
    const row = history.find(run) as FinishedRun;
    return { ...row, head: hex(row.head), detail: hex(row.detail) };
  });
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
