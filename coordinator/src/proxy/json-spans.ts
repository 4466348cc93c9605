/** From and to, in characters of the text. */
export type Span = readonly [start: number, end: number];

/**
 * Where the values stand that JSON pointers (RFC 6901) name, "*" for every member or element; of a
 * key that stands twice, both. Of values within one another the outer. The text must be JSON.
 */
export function jsonSpans(text: string, pointers: readonly string[]): Span[] {
  const spans: Span[] = [];
  const stack: Frame[] = [];
  /** Depth at which the value ends that began at `start`; -1 outside of one. */
  let covering = -1;
  let start = 0;
  let candidates = pointers.map((it) => it.slice(1).split("/").map(unescaped));

  const begin = (at: number) => {
    const frame = stack.at(-1);
    if (frame === undefined || covering !== -1) return;
    candidates = frame.candidates.filter(([head]) => head === "*" || head === frame.key);
    if (!candidates.some((it) => it.length === 1)) {
      candidates = candidates.map((it) => it.slice(1));
      return;
    }
    covering = stack.length;
    start = at;
  };
  const end = (at: number) => {
    if (covering !== stack.length) return;
    spans.push([start, at]);
    covering = -1;
  };
  for (let at = 0; at < text.length; ) {
    const character = text[at] as string;
    const frame = stack.at(-1);
    if (character === "{" || character === "[") {
      begin(at);
      const isList = character === "[";
      stack.push({ isList, candidates, index: 0, key: isList ? "0" : null });
      at += 1;
    } else if (character === "}" || character === "]") {
      stack.pop();
      at += 1;
      end(at);
    } else if (character === ",") {
      if (frame?.isList) frame.key = String(++frame.index);
      else if (frame !== undefined) frame.key = null;
      at += 1;
    } else if (character === '"') {
      const after = afterString(text, at);
      if (frame !== undefined && frame.key === null) {
        frame.key = JSON.parse(text.slice(at, after));
      } else {
        begin(at);
        end(after);
      }
      at = after;
    } else if (/[\s:]/.test(character)) {
      at += 1;
    } else {
      begin(at);
      while (at < text.length && !/[\s,\]}]/.test(text[at] as string)) at += 1;
      end(at);
    }
  }
  return spans;
}

interface Frame {
  readonly isList: boolean;
  /** What is left of the pointers that lead to it. */
  readonly candidates: readonly string[][];
  index: number;
  /** Of the value that comes next; null where a key does. */
  key: string | null;
}

function unescaped(segment: string): string {
  return segment.replaceAll("~1", "/").replaceAll("~0", "~");
}

function afterString(text: string, from: number): number {
  let at = from + 1;
  while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at + 1;
}
