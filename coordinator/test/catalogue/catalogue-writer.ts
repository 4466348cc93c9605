import { applySources } from "../../src/catalogue/apply.ts";
import { createCheckpointSigner } from "../../src/ledger/ledger.ts";
import { openMemoryLog } from "../../src/log/memory.ts";
import type { Recorded } from "../../src/state/event.ts";
import { emptyState } from "../../src/state/state.ts";
import { createWriter } from "../../src/state/writer.ts";

/** A writer without a disk, a clock that ticks once a decision, and the events so far. */
export function catalogueWriter() {
  const recorded: Recorded[] = [];
  let nowMs = 0;
  const writer = createWriter({
    log: openMemoryLog({ signer: createCheckpointSigner(new Uint8Array(32), "test") }),
    state: emptyState(),
    now: () => {
      nowMs += 1;
      return nowMs;
    },
    listen: (events) => recorded.push(...events),
    onFailure: (error) => {
      throw error;
    },
  });
  const apply = (text: string, options: { dryRun?: boolean; withTexts?: boolean } = {}) =>
    applySources(writer, [{ path: "f.yaml", text }], {
      actor: "ann",
      dryRun: false,
      withTexts: true,
      ...options,
    });
  return { writer, recorded, apply };
}

export const workflow = (run: string, rest = "") =>
  `kind: workflow\nname: w\nsteps:\n  - id: a\n    run: ${run}\n${rest}`;
