/**
 * What names look like, after UTS 39 §4 ("confusable" and "skeleton"): of its table, what is
 * left within letters, digits and "-", and the pairs of letters that one is taken for in narrow type.
 * Names with the same skeleton can be taken for one another.
 */
export function skeleton(name: string): string {
  const folded = name.replaceAll("I", "l").toLowerCase();
  return folded.replace(confusables, (it) => prototypes[it] as string);
}

/** The first of the names, other than this one, that it can be taken for. */
export function lookalikeOf(name: string, names: Iterable<string>): string | undefined {
  const own = skeleton(name);
  for (const it of names) if (it !== name && skeleton(it) === own) return it;
  return undefined;
}

export const lookalikeHint =
  "Choose a name that differs by more than case, 0 and o, 1 and l, m and rn, w and vv, d and cl.";

/** confusables.txt has 0, 1 and m; the rest differ by a hair's breadth on a terminal. */
const prototypes: Readonly<Record<string, string>> = {
  "0": "o",
  "1": "l",
  m: "rn",
  w: "vv",
  d: "cl",
};

const confusables = new RegExp(`[${Object.keys(prototypes).join("")}]`, "g");
