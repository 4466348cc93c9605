import { describe, expect, it } from "vitest";
import { keepPayloads } from "../../src/history/keep-payloads.ts";
import { historyLimits } from "../../src/history/limits.ts";

const { payloadsEveryMs: later, purgePauseMs: soon } = historyLimits;

async function pausesOf(
  passes: readonly (boolean | Error)[] | null,
  purges: readonly (boolean | Error)[],
) {
  const stop = new AbortController();
  const pauses: number[] = [];
  const faults: unknown[] = [];
  const next = (from: (boolean | Error)[]) => async () => {
    const it = from.shift() ?? false;
    if (it instanceof Error) throw it;
    return it;
  };
  await keepPayloads({
    pass: passes === null ? null : next([...passes]),
    purge: next([...purges]),
    async sleep(ms) {
      pauses.push(ms);
      if (pauses.length === purges.length) stop.abort();
    },
    signal: stop.signal,
    onFault: (error) => void faults.push(error),
  });
  return { pauses, faults: faults.length };
}

describe("keeping the ledger's payloads to their retention", () => {
  it("looks again soon while something was dropped, and after a while otherwise", async () => {
    const { pauses } = await pausesOf([true, true, false], [true, true, true]);
    expect(pauses).toEqual([soon, soon, later]);
  });

  it("purges the file again soon where a reader kept it from that", async () => {
    expect(await pausesOf([false, false], [false, true])).toMatchObject({ pauses: [soon, later] });
  });

  it("purges what was removed where payloads are kept for ever", async () => {
    expect(await pausesOf(null, [false, true])).toMatchObject({ pauses: [soon, later] });
  });

  it("goes on after a fault", async () => {
    expect(await pausesOf([new Error("disk"), true], [true, true])).toEqual({
      pauses: [later, soon],
      faults: 1,
    });
  });
});
