import { setMaxListeners } from "node:events";

const realSetImmediate = globalThis.setImmediate;

interface Timer {
  readonly atMs: number;
  /** Timers of the same moment fire in the order in which they were set. */
  readonly order: number;
  readonly everyMs: number | null;
  readonly run: () => void;
  readonly handle: TimerHandle;
}

/** What `setTimeout` gives: a repeated timer keeps its handle. */
export interface TimerHandle {
  cleared: boolean;
}

/**
 * Time of a simulation: it stands still but for `advance`. `install` puts it in the place of the
 * global timers, which the agent's core and the coordinator's presence use; nothing of a simulation
 * may wait for anything else than these and promises.
 */
export class VirtualClock {
  nowMs = 0;
  #order = 0;
  /** A binary heap by time and order. */
  readonly #timers: Timer[] = [];

  set(run: () => void, delayMs: number, everyMs: number | null = null): TimerHandle {
    const atMs = this.nowMs + Math.max(0, delayMs);
    const handle = { cleared: false };
    push(this.#timers, { atMs, order: this.#order++, everyMs, run, handle });
    return handle;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.set(resolve, ms));
  }

  /** Or until the signal aborts, if that is sooner. */
  sleepUnless(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      setMaxListeners(0, signal);
      const end = () => {
        handle.cleared = true;
        signal.removeEventListener("abort", end);
        resolve();
      };
      const handle = this.set(end, ms);
      signal.addEventListener("abort", end);
    });
  }

  /** Fires what is due in the next `ms`, each timer after all that the one before brought about. */
  async advance(ms: number): Promise<void> {
    const endMs = this.nowMs + ms;
    await settled();
    for (let timer = this.#timers[0]; timer !== undefined && timer.atMs <= endMs; ) {
      pop(this.#timers);
      if (!timer.handle.cleared) {
        const { atMs, everyMs } = timer;
        this.nowMs = Math.max(this.nowMs, atMs);
        const order = this.#order++;
        if (everyMs !== null) push(this.#timers, { ...timer, atMs: atMs + everyMs, order });
        timer.run();
        await settled();
      }
      timer = this.#timers[0];
    }
    this.nowMs = endMs;
  }

  /** Returns the way to put the real timers back. */
  install(): () => void {
    const { setTimeout, clearTimeout, setInterval, clearInterval } = globalThis;
    const clear = (handle: TimerHandle | undefined) => {
      if (handle !== undefined) handle.cleared = true;
    };
    Object.assign(globalThis, {
      setTimeout: (run: () => void, ms = 0) => {
        const handle = this.set(run, ms);
        return Object.assign(handle, { unref: () => handle });
      },
      setInterval: (run: () => void, ms = 0) => this.set(run, ms, ms),
      clearTimeout: clear,
      clearInterval: clear,
    });
    return () => {
      Object.assign(globalThis, { setTimeout, clearTimeout, setInterval, clearInterval });
    };
  }
}

/** When no promise is left to go on by itself: microtasks run dry before an immediate fires. */
function settled(): Promise<void> {
  return new Promise((resolve) => void realSetImmediate(resolve));
}

function before(a: Timer, b: Timer): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

function push(heap: Timer[], timer: Timer): void {
  let at = heap.push(timer) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!before(timer, heap[parent] as Timer)) break;
    heap[at] = heap[parent] as Timer;
    at = parent;
  }
  heap[at] = timer;
}

function pop(heap: Timer[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    const right = heap[child + 1];
    if (right !== undefined && before(right, heap[child] as Timer)) child++;
    if (!before(heap[child] as Timer, last)) break;
    heap[at] = heap[child] as Timer;
    at = child;
  }
  heap[at] = last;
}
