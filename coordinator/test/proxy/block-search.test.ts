import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BlockSearch, Starts } from "../../src/proxy/block-search.ts";
import { type Form, formsOf } from "../../src/proxy/forms.ts";

/** Few letters, so that beginnings, repetitions and near misses are many. */
const letters = (maxLength: number) =>
  fc.string({ unit: fc.constantFrom("a", "b", "A", "6", "1", "+", "-", "/", "_"), maxLength });
const secrets = letters(20).filter((it) => it.length > 0);
const texts = fc
  .tuple(secrets, fc.array(letters(40), { maxLength: 5 }), fc.constantFrom("utf8", "hex", "base64"))
  .map(([secret, parts, encoding]) => {
    const spelled = Buffer.from(secret).toString(encoding as BufferEncoding);
    return { forms: formsOf(Buffer.from(secret)), text: Buffer.from(parts.join(spelled)) };
  });

describe("the search for the beginnings of forms", () => {
  it("stops wherever one of them stands, in any of its spellings", () => {
    fc.assert(
      fc.property(texts, ({ forms, text }) => {
        const search = new BlockSearch(forms);
        const stops = new Set<number>();
        for (let at = search.next(text, 0, text.length); at < text.length; ) {
          stops.add(at);
          at = search.next(text, at + 1, text.length);
        }
        for (const at of text.keys()) {
          if (forms.some((form) => stands(form, text, at))) expect(stops).toContain(at);
        }
      }),
    );
  });

  it("allows a beginning wherever one of them stands, or begins before the end", () => {
    fc.assert(
      fc.property(texts, ({ forms, text }) => {
        const starts = new Starts(forms);
        for (const at of text.keys()) {
          const here = forms.some((form) => stands(form, text, at));
          if (here || at === text.length - 1) {
            expect(starts.mayBegin(text, at, text.length)).toBe(true);
          }
        }
      }),
    );
  });

  it("passes over what holds none of their pairs of bytes", () => {
    const forms = formsOf(Buffer.from("a secret of some length"));
    const text = Buffer.alloc(10_000, "\n");
    expect(new BlockSearch(forms).next(text, 0, text.length)).toBe(text.length);
    expect(new Starts(forms).mayBegin(text, 5, text.length)).toBe(false);
  });

  it("says where an escape stands that it may be a beginning", () => {
    const starts = new Starts(formsOf(Buffer.from("a secret of some length")));
    for (const text of ["%61", "\n%20", "\\u0061", "&#97;"]) {
      expect(starts.mayBegin(Buffer.from(text), 0, text.length)).toBe(true);
    }
  });

  it("knows nothing of the secret once it is wiped", () => {
    const forms = formsOf(Buffer.from("a secret of some length"));
    const search = new BlockSearch(forms);
    search.wipe();
    // What it no longer knows it cannot pass over.
    expect(search.next(Buffer.alloc(1_000, "\n"), 7, 1_000)).toBe(7);
  });
});

function stands({ bytes, fold }: Form, text: Buffer, at: number): boolean {
  return (
    at + bytes.length <= text.length &&
    bytes.every((byte, index) => fold.of[text[at + index] as number] === byte)
  );
}
