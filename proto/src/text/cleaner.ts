import { EmojiRun } from "./emoji.ts";
import { joinsFollowing, joinsPreceding, mongolianForms, viramas } from "./unicode.ts";

/**
 * Cleans a text that comes in pieces; the result is that of the whole, however it was cut. It keeps
 * of each run of invisible characters at most one, put where it belongs, so that two texts which
 * look the same come out the same. Nothing is held back but half a character and one emoji.
 */
export class TextCleaner {
  readonly #emoji = new EmojiRun();
  /** The first half of a character that the last piece ended with. */
  #half = "";
  /** The last character that was kept. */
  #previous = 0;
  /** Whether the last letter, marks aside, joins with what follows. */
  #joins = false;
  /** A ZWNJ, or a Mongolian vowel separator, that counts if the right letter follows. */
  #nonJoiner = false;
  #separator = false;

  push(piece: string): string {
    let text = this.#half + piece;
    this.#half = "";
    if (/[\ud800-\udbff]$/.test(text)) {
      this.#half = text.slice(-1);
      text = text.slice(0, -1);
    }
    let out = "";
    for (let at = 0; at < text.length; ) {
      plain.lastIndex = at;
      const run = plain.exec(text)?.[0];
      if (run === undefined) {
        const code = text.codePointAt(at) as number;
        out += this.#step(code);
        at += code > 0xffff ? 2 : 1;
      } else {
        out += this.#visible(run.charCodeAt(0)) + run.slice(1);
        this.#previous = run.charCodeAt(run.length - 1);
        at += run.length;
      }
    }
    return out;
  }

  /** What was held back. */
  end(): string {
    const half = this.#half === "" ? "" : this.#visible(replacement);
    this.#half = "";
    return half + this.#emoji.flush();
  }

  #step(code: number): string {
    switch (code) {
      case zwj:
        if (viramaSet.has(this.#previous)) return this.#keep(code);
        this.#emoji.join();
        return "";
      case zwnj:
        if (viramaSet.has(this.#previous)) return this.#keep(code);
        this.#nonJoiner = this.#joins;
        return "";
      case 0xfe0e:
      case 0xfe0f:
        this.#emoji.style(code);
        return "";
      case mongolianSeparator:
        this.#separator = this.#previous >= 0x180b && this.#previous <= 0x18aa;
        return "";
      case 0x2028:
      case 0x2029:
        return this.#visible(0x20);
    }
    if (mongolianSet.has(`${hex(this.#previous)}${hex(code)}`)) return this.#keep(code);
    if (code >= 0xe0020 && code <= 0xe007f) {
      this.#emoji.tag(code);
      return "";
    }
    const character = String.fromCodePoint(code);
    if (noCharacter.test(character)) return this.#visible(replacement);
    return invisible.test(character) && !visibleFormat.test(character) ? "" : this.#visible(code);
  }

  /** An invisible character that changes the one before it. */
  #keep(code: number): string {
    this.#previous = code;
    return String.fromCodePoint(code);
  }

  #visible(code: number): string {
    const character = String.fromCodePoint(code);
    const taken = this.#emoji.offer(character);
    const before = taken.settled + this.#kept(code, character);
    this.#previous = code;
    return taken.held ? before : before + character;
  }

  /** Of the invisible characters that wait, what counts before this one. */
  #kept(code: number, character: string): string {
    let kept = "";
    if (!transparent.test(character)) {
      if (this.#nonJoiner && joinsPrecedingSet.has(code)) kept += String.fromCodePoint(zwnj);
      this.#nonJoiner = false;
      this.#joins = joinsFollowingSet.has(code);
    }
    if (this.#separator && (code === 0x1820 || code === 0x1821)) {
      kept += String.fromCodePoint(mongolianSeparator);
    }
    this.#separator = false;
    // A keycap: of the digit as emoji, not of the digit as text.
    if (code === 0x20e3 && /[0-9#*]/.test(String.fromCodePoint(this.#previous))) kept += "\ufe0f";
    return kept;
  }
}

const zwnj = 0x200c;
const zwj = 0x200d;
const mongolianSeparator = 0x180e;
const replacement = 0xfffd;

/** Most text: Latin without what may be an emoji (U+00A9, U+00AE) or is invisible. */
const plain = /[\t\n -~\u00a0-\u00a8\u00aa-\u00ac\u00af-\u02ff]+/y;
const noCharacter = /[\p{Cs}\p{Co}\p{Noncharacter_Code_Point}]/u;
const invisible = /(?![\t\n])[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}]/u;
/** Prepended_Concatenation_Mark: format characters that are seen, such as U+06DD. */
const visibleFormat = /[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u{110bd}\u{110cd}]/u;
/** Joining_Type T, as far as it is seen. */
const transparent = /[\p{Mn}\p{Me}]/u;

const viramaSet = setOf(viramas);
const joinsFollowingSet = setOf(joinsFollowing);
const joinsPrecedingSet = setOf(joinsPreceding);
const mongolianSet = new Set(mongolianForms.split(" "));

function setOf(ranges: string): ReadonlySet<number> {
  const all = new Set<number>();
  let end = 0;
  for (const range of ranges.split(" ")) {
    const [gap = 0, length = 0] = range.split(",").map((digits) => Number.parseInt(digits, 36));
    const first = end + gap;
    end = first + length;
    for (let code = first; code <= end; code++) all.add(code);
  }
  return all;
}

function hex(code: number): string {
  return code.toString(16).toUpperCase();
}
