/** What a step asks of a device, checked: nothing has been done yet. */
export interface Operation {
  readonly name: "read" | "write" | "transfer" | "set";
  /** Whether it moves, drives or sends anything, so that it needs a grant to actuate. */
  readonly actuates: boolean;
  /** What of the device it is about: "line 3", "address 0x48"; "" for the whole of it. */
  readonly target: string;
  /** Line of a GPIO chip; null elsewhere. */
  readonly line: number | null;
  /** What is written, for the record; empty when nothing is. */
  readonly written: Uint8Array;
  perform(): Promise<Outcome>;
}

export interface Outcome {
  /** What the step is answered, as JSON. */
  readonly answer: unknown;
  /** Count of what was read. */
  readonly bytesRead: number;
}

/** One device as one attempt uses it. What it opens stays open until `close`. */
export interface Driver {
  /** Throws USAGE, with all that is wrong in one message. */
  operation(request: Fields): Operation;
  close(): void;
}

/** What a step sent, field by field. */
export type Fields = Readonly<Record<string, unknown>>;

export const nothingWritten: Uint8Array = new Uint8Array(0);
