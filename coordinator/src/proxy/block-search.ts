import { isMark } from "./escapes.ts";
import type { Form } from "./forms.ts";

/**
 * Passes over text in which none of several forms can begin, most of a form's length at a time: by the two
 * bytes at the end of where the shortest would lie (Wu and Manber, "A fast algorithm for multi-pattern
 * searching", 1994). What it stops at may be a beginning, what it passes over is none.
 */
export class BlockSearch {
  /** The length of the shortest form: as much of each is looked at. */
  readonly #window: number;
  /** By two bytes at the window's end: how far it may move before these can be part of a form. */
  readonly #shifts = new Uint8Array(blocks);

  constructor(forms: readonly Form[]) {
    this.#window = Math.min(...forms.map(({ bytes }) => bytes.length));
    const furthest = Math.min(this.#window - 1, 255);
    if (furthest < 1) return;
    this.#shifts.fill(furthest);
    for (const form of forms) {
      for (let back = 0; back < furthest; back += 1) {
        forEachBlock(form, this.#window - 2 - back, (block) => {
          this.#shifts[block] = Math.min(this.#shifts[block] as number, back);
        });
      }
    }
  }

  /** The first place from `from` on where a form may begin unescaped; `end` where none does before. */
  next(text: Buffer, from: number, end: number): number {
    const shifts = this.#shifts;
    const last = this.#window - 1;
    if (last < 1) return from;
    let at = from;
    while (at + last < end) {
      const block = blockOf(text[at + last - 1] as number, text[at + last] as number);
      const shift = shifts[block] as number;
      if (shift === 0) return at;
      at += shift;
    }
    return end;
  }

  /** It tells of the secret. */
  wipe(): void {
    this.#shifts.fill(0);
  }
}

/** Where forms may begin, escaped or not, by the two bytes that stand there. */
export class Starts {
  readonly #blocks = new Uint8Array(blocks);

  constructor(forms: readonly Form[]) {
    for (const form of forms) {
      if (form.bytes.length === 1) this.#blocks.fill(1);
      forEachBlock(form, 0, (block) => {
        this.#blocks[block] = 1;
      });
    }
  }

  /** Of the last byte before `known` nothing more is known. */
  mayBegin(text: Buffer, at: number, known: number): boolean {
    if (at + 1 >= known) return true;
    const first = text[at] as number;
    const second = text[at + 1] as number;
    return isMark(first) || isMark(second) || this.#blocks[blockOf(first, second)] === 1;
  }

  /** It tells of the secret. */
  wipe(): void {
    this.#blocks.fill(0);
  }
}

/** Two bytes as a number, which they may share with others: then they are looked at once too often. */
function blockOf(first: number, second: number): number {
  return (first << 4) ^ second;
}

const blocks = 4096;

/** Whatever the two bytes from `at` on may be spelled as. */
function forEachBlock({ bytes, fold }: Form, at: number, act: (block: number) => void): void {
  for (const first of fold.spellings[bytes[at] as number] ?? []) {
    for (const second of fold.spellings[bytes[at + 1] as number] ?? []) act(blockOf(first, second));
  }
}
