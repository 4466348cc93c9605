import { type CohortError, refuse } from "@cohort/proto/problem";

/**
 * Collects what arrives until the scheduled moment and commits it as one, in the order of arrival.
 * One commit runs at a time: what arrives meanwhile goes into the next, which is scheduled when that
 * has ended. After the first failure everything is refused: memory may be ahead of the disk, and only a
 * restart from the disk sets them right.
 */
export class GroupCommit<Item> {
  readonly #commit: (items: readonly Item[]) => Promise<void>;
  readonly #schedule: (run: () => void) => void;
  #waiting: Waiting<Item>[] = [];
  #running: Promise<void> | null = null;
  #refusal: CohortError | null = null;

  /** `commit` resolves when its items are durable, all of them, and rejects when none is. */
  constructor(options: {
    readonly commit: (items: readonly Item[]) => Promise<void>;
    readonly schedule: (run: () => void) => void;
  }) {
    this.#commit = options.commit;
    this.#schedule = options.schedule;
  }

  /**
   * Takes what `make` returns, at once. Resolves when it is durable. Rejects with LEDGER_UNWRITABLE;
   * that is also what becomes of everything else when `make` throws, since its place in the order is
   * then empty.
   */
  add(make: () => Item): Promise<void> {
    if (this.#refusal !== null) return Promise.reject(this.#refusal);
    try {
      const item = make();
      if (this.#waiting.length === 0 && this.#running === null) this.#scheduleNext();
      return new Promise((resolve, reject) => this.#waiting.push({ item, resolve, reject }));
    } catch (cause) {
      return Promise.reject(this.#fail(cause));
    }
  }

  /** Refuses what comes later, and resolves when what waits is durable. */
  async close(): Promise<void> {
    this.#refusal ??= unwritable(new Error("it was closed"));
    await this.#running;
    this.#begin();
    await this.#running;
  }

  #scheduleNext(): void {
    this.#schedule(() => this.#begin());
  }

  #begin(): void {
    if (this.#running !== null || this.#waiting.length === 0) return;
    const group = this.#waiting;
    this.#waiting = [];
    this.#running = this.#finish(group);
  }

  async #finish(group: readonly Waiting<Item>[]): Promise<void> {
    try {
      await this.#commit(group.map(({ item }) => item));
      for (const { resolve } of group) resolve();
    } catch (cause) {
      const refusal = this.#fail(cause);
      for (const { reject } of group) reject(refusal);
    }
    this.#running = null;
    if (this.#waiting.length > 0) this.#scheduleNext();
  }

  #fail(cause: unknown): CohortError {
    this.#refusal ??= unwritable(cause);
    const group = this.#waiting;
    this.#waiting = [];
    for (const { reject } of group) reject(this.#refusal);
    return this.#refusal;
  }
}

interface Waiting<Item> {
  readonly item: Item;
  readonly resolve: () => void;
  readonly reject: (error: CohortError) => void;
}

function unwritable(cause: unknown): CohortError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return refuse(
    "LEDGER_UNWRITABLE",
    `the log cannot be written: ${reason}`,
    {
      hint: "Nothing more is done until the coordinator has restarted from its log. Check the disk.",
    },
    cause,
  );
}
