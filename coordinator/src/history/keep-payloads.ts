import { historyLimits } from "./limits.ts";

/**
 * Drops payloads of the ledger pass by pass until the signal, and has what was dropped or removed leave the
 * file: also what a process before, that did not come to it, left there.
 */
export async function keepPayloads(options: {
  /** Null where payloads are kept for ever. */
  readonly pass: (() => Promise<boolean>) | null;
  readonly purge: () => Promise<boolean>;
  readonly everyMs?: number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly signal: AbortSignal;
  readonly onFault: (error: unknown) => void;
}): Promise<void> {
  const { pass, purge, everyMs = historyLimits.payloadsEveryMs, sleep, signal, onFault } = options;
  while (!signal.aborted) {
    const goesOn = await passAndPurge(pass, purge).catch((error: unknown) => {
      onFault(error);
      return false;
    });
    await sleep(goesOn ? historyLimits.purgePauseMs : everyMs, signal);
  }
}

/** Whether something is left to be done soon. */
async function passAndPurge(
  pass: (() => Promise<boolean>) | null,
  purge: () => Promise<boolean>,
): Promise<boolean> {
  const dropped = (await pass?.()) ?? false;
  const purged = await purge();
  return dropped || !purged;
}
