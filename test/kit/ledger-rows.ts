import { join } from "node:path";
import Database from "better-sqlite3";
import type { TestMesh } from "./mesh.ts";
import { dataOf } from "./mesh-place.ts";

interface LedgerRow {
  readonly seq: number;
  readonly json: string;
  readonly leaf_hash: Buffer;
}

/** The ledger's tables as someone finds them who has the file and an SQL shell. */
export class LedgerRows {
  readonly #database: Database.Database;
  readonly entries: readonly LedgerRow[];
  readonly #checkpoints: readonly { size: number; note: string }[];

  constructor(mesh: TestMesh) {
    this.#database = new Database(join(dataOf(mesh), "cohort.db"), { fileMustExist: true });
    this.entries = this.#database
      .prepare<[], LedgerRow>("SELECT seq, json, leaf_hash FROM entries ORDER BY seq")
      .all();
    this.#checkpoints = this.#database
      .prepare<[], { size: number; note: string }>("SELECT size, note FROM checkpoints")
      .all();
  }

  /** The first entry with an event of the kind. */
  first(event: string): LedgerRow {
    const row = this.entries.find(({ json }) => event in (JSON.parse(json) as object));
    if (row === undefined) throw new Error(`the ledger has no ${event}`);
    return row;
  }

  execute(sql: string): void {
    this.#database.exec(sql);
  }

  replace(seq: number, json: string, leafHash: Uint8Array): void {
    const update = "UPDATE entries SET json = ?, leaf_hash = ? WHERE seq = ?";
    this.#database.prepare(update).run(json, leafHash, seq);
  }

  /** Puts every row back as it was found. */
  restore(): void {
    const insert = this.#database.prepare("INSERT INTO entries VALUES (?, ?, ?)");
    const sign = this.#database.prepare("INSERT INTO checkpoints VALUES (?, ?)");
    this.#database
      .transaction(() => {
        this.execute("DELETE FROM entries; DELETE FROM checkpoints");
        for (const { seq, json, leaf_hash } of this.entries) insert.run(seq, json, leaf_hash);
        for (const { size, note } of this.#checkpoints) sign.run(size, note);
      })
      .immediate();
  }

  close(): void {
    this.#database.close();
  }
}
