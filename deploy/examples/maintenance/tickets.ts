import { createHash, randomUUID } from "node:crypto";
import { appendFileSync, existsSync, readFileSync } from "node:fs";

export interface Ticket {
  readonly id: string;
  readonly openedMs: number;
  /** What the caller sent. */
  readonly report: unknown;
}

export type Filed =
  | { readonly outcome: "opened" | "repeated"; readonly ticket: Ticket }
  /** The idempotency key was used for another report. */
  | { readonly outcome: "conflict" };

interface Record {
  readonly ticket: Ticket;
  readonly idempotencyKey: string | null;
  readonly reportHash: string;
}

/** Tickets in a file of JSON lines, all of them in memory too. */
export class Tickets {
  readonly #records: Record[];
  readonly #byKey = new Map<string, Record>();

  constructor(private readonly path: string) {
    const text = existsSync(path) ? readFileSync(path, "utf8") : "";
    this.#records = text
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record);
    for (const record of this.#records) this.#index(record);
  }

  /** The same key with the same report is the same ticket, however often it is sent. */
  file(report: unknown, idempotencyKey: string | null, nowMs: number): Filed {
    const reportHash = createHash("sha256").update(JSON.stringify(report)).digest("hex");
    const before = idempotencyKey === null ? undefined : this.#byKey.get(idempotencyKey);
    if (before !== undefined) {
      if (before.reportHash !== reportHash) return { outcome: "conflict" };
      return { outcome: "repeated", ticket: before.ticket };
    }
    const ticket = { id: `T-${randomUUID().slice(0, 8)}`, openedMs: nowMs, report };
    const record = { ticket, idempotencyKey, reportHash };
    appendFileSync(this.path, `${JSON.stringify(record)}\n`, { flush: true });
    this.#records.push(record);
    this.#index(record);
    return { outcome: "opened", ticket };
  }

  list(): readonly Ticket[] {
    return this.#records.map((record) => record.ticket);
  }

  #index(record: Record): void {
    if (record.idempotencyKey !== null) this.#byKey.set(record.idempotencyKey, record);
  }
}
