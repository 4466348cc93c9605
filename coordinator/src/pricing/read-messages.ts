import { parseJson } from "@cohort/proto/json";
import { pricingLimits } from "./limits.ts";
import { type Fields, isFields } from "./shapes/shape.ts";

/** Finds the JSON messages in an answer while it passes; what is too long or malformed it leaves out. */
export interface MessageReader {
  push(bytes: Uint8Array): void;
  /** The answer is complete. */
  end(): void;
}

/** `onMessage` is given each event of a stream, or the one message that an answer is. */
export function createReader(
  contentType: string,
  onMessage: (message: Fields) => void,
): MessageReader {
  const give = (text: string) => {
    for (const message of messagesIn(text)) onMessage(message);
  };
  return /^text\/event-stream\b/i.test(contentType.trim())
    ? new EventReader(give)
    : new WholeReader(give);
}

function messagesIn(text: string): Fields[] {
  const value = parseJson(text);
  // Gemini streams a list where nobody asks for events.
  return (Array.isArray(value) ? value : [value]).filter(isFields);
}

class WholeReader implements MessageReader {
  readonly #give: (text: string) => void;
  #chunks: Uint8Array[] = [];
  #bytes = 0;

  constructor(give: (text: string) => void) {
    this.#give = give;
  }

  push(bytes: Uint8Array): void {
    this.#bytes += bytes.length;
    if (this.#bytes > pricingLimits.jsonAnswerBytesMax) this.#chunks = [];
    else this.#chunks.push(Uint8Array.from(bytes));
  }

  end(): void {
    if (this.#bytes <= pricingLimits.jsonAnswerBytesMax) {
      this.#give(Buffer.concat(this.#chunks).toString());
    }
    this.#chunks = [];
  }
}

/** Server-sent events, as the HTML standard has them (section 9.2.6): lines end by LF, CR or both. */
class EventReader implements MessageReader {
  readonly #give: (data: string) => void;
  /** The pieces of the line that has not ended. */
  #pieces: Uint8Array[] = [];
  #lineBytes = 0;
  #data: string[] = [];
  #dataLength = 0;
  /** The LF that may follow is of the same end of the line. */
  #endedByReturn = false;

  constructor(give: (data: string) => void) {
    this.#give = give;
  }

  push(bytes: Uint8Array): void {
    let from = 0;
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at];
      const isSecondOfTwo = byte === lineFeed && this.#endedByReturn && at === from;
      if (at === from) this.#endedByReturn = false;
      if (byte !== lineFeed && byte !== carriageReturn) continue;
      this.#take(bytes.subarray(from, at));
      from = at + 1;
      if (isSecondOfTwo) continue;
      this.#endedByReturn = byte === carriageReturn;
      this.#endLine();
    }
    // The caller may use its memory again.
    if (from < bytes.length) this.#take(Uint8Array.from(bytes.subarray(from)));
  }

  /** An event that no empty line ended is none. */
  end(): void {
    this.#pieces = [];
    this.#data = [];
  }

  #take(piece: Uint8Array): void {
    this.#lineBytes += piece.length;
    if (this.#lineBytes > pricingLimits.eventBytesMax) this.#pieces = [];
    else this.#pieces.push(piece);
  }

  #endLine(): void {
    const isEmpty = this.#lineBytes === 0;
    const isWhole = this.#lineBytes <= pricingLimits.eventBytesMax;
    const line = isWhole ? Buffer.concat(this.#pieces).toString() : "";
    this.#pieces = [];
    this.#lineBytes = 0;
    if (isEmpty) return this.#endEvent();
    const value = /^data(?:: ?(.*))?$/s.exec(line);
    if (value === null) return;
    this.#addData(value[1] ?? "");
  }

  #addData(value: string): void {
    this.#dataLength += value.length;
    if (this.#dataLength <= pricingLimits.eventBytesMax) this.#data.push(value);
  }

  #endEvent(): void {
    if (this.#data.length > 0 && this.#dataLength <= pricingLimits.eventBytesMax) {
      this.#give(this.#data.join("\n"));
    }
    this.#data = [];
    this.#dataLength = 0;
  }
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
