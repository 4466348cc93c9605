import { joinedEmoji, textStyles } from "./unicode.ts";

interface Element {
  readonly base: string;
  tone: string;
  /** The selector that follows it, "" for none. */
  style: string;
  tags: string;
}

/**
 * The emoji that a text is in the middle of (UTS 51). Joiners stay within the sequences that Unicode
 * recommends for interchange: between other emoji nobody would see them. Selectors stay where
 * they change the presentation, tags on the flags of England, Scotland and Wales.
 */
export class EmojiRun {
  /** Joined with one another; together the beginning of a sequence. */
  #elements: Element[] = [];
  #joined = false;

  /** A ZWJ came. */
  join(): void {
    this.#joined = this.#elements.length > 0;
  }

  style(selector: number): void {
    const last = this.#elements.at(-1);
    if (last === undefined || last.tone !== "") return;
    const allowed = selector === 0xfe0f ? needsStyle(last.base) : textStyleSet.has(last.base);
    if (allowed) last.style = String.fromCodePoint(selector);
  }

  tag(code: number): void {
    const last = this.#elements.at(-1);
    if (last?.base !== blackFlag || last.tags.length >= tagsLengthMax) return;
    last.tags += String.fromCodePoint(code);
  }

  /** A character that is seen: what is certain now, and whether this one is held back. */
  offer(character: string): { settled: string; held: boolean } {
    const last = this.#elements.at(-1);
    if (last !== undefined && takesTone(last, character)) {
      last.tone = character;
      this.#joined = false;
      return { settled: "", held: true };
    }
    if (!isElement.test(character)) return { settled: this.flush(), held: false };
    const settled = this.#joined ? "" : this.flush();
    this.#elements.push({ base: character, tone: "", style: "", tags: "" });
    this.#joined = false;
    return { settled: settled + this.#settle(), held: true };
  }

  flush(): string {
    let out = "";
    while (this.#elements.length > 0) out += this.#longest();
    this.#joined = false;
    return out;
  }

  /** Lets go of what can no longer become a sequence. */
  #settle(): string {
    let out = "";
    while (this.#elements.length > 1 && !beginnings.has(keyOf(this.#elements))) {
      out += this.#longest();
    }
    return out;
  }

  /** The longest sequence at the beginning, or the first element alone. */
  #longest(): string {
    for (let length = this.#elements.length; length > 1; length--) {
      if (!sequences.has(keyOf(this.#elements.slice(0, length)))) continue;
      return this.#elements.splice(0, length).map(spellJoined).join("\u200d");
    }
    return this.#elements.splice(0, 1).map(spellAlone).join("");
  }
}

function takesTone({ base, tone }: Element, character: string): boolean {
  return tone === "" && isTone.test(character) && takesTones.test(base);
}

/** Fully-qualified (UTS 51, ED-18): selectors make no difference within a sequence. */
function spellJoined({ base, tone }: Element): string {
  return base + (tone === "" && needsStyle(base) ? "\ufe0f" : tone);
}

function spellAlone(element: Element): string {
  const { base, tone, style } = element;
  return base + (tone === "" ? style : tone) + flagOf(element);
}

function flagOf({ tags }: Element): string {
  return flags.includes(tags) ? tags : "";
}

function keyOf(elements: readonly Element[]): string {
  return elements.map((it) => it.base + flagOf(it)).join("");
}

/** Shown as text unless U+FE0F follows. */
function needsStyle(base: string): boolean {
  return !/\p{Emoji_Presentation}/u.test(base);
}

/** Digits, # and * are no emoji by themselves; flags of two letters are never joined. */
const isElement = /(?![0-9#*\u{1f1e6}-\u{1f1ff}])\p{Emoji}/u;
const isTone = /[\u{1f3fb}-\u{1f3ff}]/u;
const takesTones = /\p{Emoji_Modifier_Base}/u;
const blackFlag = "\u{1f3f4}";

const textStyleSet = new Set(textStyles);
const sequences = new Set(joinedEmoji.split(" "));
const beginnings = new Set(
  [...sequences].flatMap((it) =>
    [...it].map((_, at, characters) => characters.slice(0, at + 1).join("")),
  ),
);

const flags = ["gbeng", "gbsct", "gbwls"].map((region) =>
  String.fromCodePoint(...[...region].map((it) => 0xe0000 + it.charCodeAt(0)), 0xe007f),
);
const tagsLengthMax = (flags[0] as string).length;
