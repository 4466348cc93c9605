import { concatenate } from "../bytes.ts";
import { agentLimits } from "../limits.ts";
import { delay } from "../wait.ts";
import type { RequestBody } from "./http-body.ts";

/** Cuts a body into pieces: large ones from what comes fast, and what there is of one that trickles. */
export class PieceReader {
  readonly #body: RequestBody;
  #gathered: Uint8Array[] = [];
  #length = 0;
  #reading: Promise<void> | null = null;

  constructor(body: RequestBody) {
    this.#body = body;
  }

  /** Throws HttpRefusal. */
  async next(bytesMax: number): Promise<{ readonly data: Uint8Array; readonly last: boolean }> {
    const waiting = new AbortController();
    const patience = delay(agentLimits.shimGatherMs, waiting.signal).then(() => false);
    try {
      while (this.#length < bytesMax && !this.#body.ended) {
        const read = this.#read().then(() => true);
        if (this.#length === 0) await read;
        else if (!(await Promise.race([read, patience]))) break;
      }
    } finally {
      waiting.abort();
    }
    return this.#take(bytesMax);
  }

  #read(): Promise<void> {
    this.#reading ??= this.#body
      .read()
      .then((bytes) => {
        if (bytes === null) return;
        this.#gathered.push(bytes);
        this.#length += bytes.length;
      })
      .finally(() => {
        this.#reading = null;
      });
    return this.#reading;
  }

  #take(bytesMax: number): { readonly data: Uint8Array; readonly last: boolean } {
    const all = this.#gathered.length === 1 ? this.#gathered[0] : concatenate(this.#gathered);
    const data = (all as Uint8Array).subarray(0, bytesMax);
    const rest = (all as Uint8Array).subarray(data.length);
    this.#gathered = rest.length === 0 ? [] : [rest];
    this.#length = rest.length;
    return { data, last: this.#length === 0 && this.#body.ended };
  }
}
