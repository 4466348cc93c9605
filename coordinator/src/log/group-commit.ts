import { type CohortError, refuse } from "@cohort/proto/problem";

/**
 * Collects what arrives until the scheduled moment and commits it as one, in the order of arrival.
 * After the first failure everything is refused: memory may be ahead of the disk, and only a restart
 * from the disk sets them right.
 */
export class GroupCommit<Item> {
  readonly #commit: (items: readonly Item[]) => void;
  readonly #schedule: (run: () => void) => void;
  #waiting: Waiting<Item>[] = [];
  #failure: CohortError | null = null;

  /** `commit` returns when its items are durable, all of them, and throws when none is. */
  constructor(options: {
    readonly commit: (items: readonly Item[]) => void;
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
    if (this.#failure !== null) return Promise.reject(this.#failure);
    try {
      const item = make();
      if (this.#waiting.length === 0) this.#schedule(() => this.#flush());
      return new Promise((resolve, reject) => this.#waiting.push({ item, resolve, reject }));
    } catch (cause) {
      return Promise.reject(this.#fail(cause));
    }
  }

  /** Commits what waits and refuses what comes later. */
  close(): void {
    this.#flush();
    this.#fail(new Error("it was closed"));
  }

  #flush(): void {
    if (this.#waiting.length === 0) return;
    const group = this.#waiting;
    try {
      this.#commit(group.map(({ item }) => item));
    } catch (cause) {
      this.#fail(cause);
      return;
    }
    this.#waiting = [];
    for (const { resolve } of group) resolve();
  }

  #fail(cause: unknown): CohortError {
    this.#failure ??= unwritable(cause);
    const group = this.#waiting;
    this.#waiting = [];
    for (const { reject } of group) reject(this.#failure);
    return this.#failure;
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
