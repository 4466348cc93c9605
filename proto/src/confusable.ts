/**
 * What names of nodes look like, after UTS 39 §4 ("confusable" and "skeleton"): of its table, what is
 * left within a lower-case DNS label, and the pairs of letters that one is taken for in narrow type.
 * Names with the same skeleton can be taken for one another.
 */
export function skeleton(name: string): string {
  return name.replace(confusables, (it) => prototypes[it] as string);
}

/** confusables.txt has 0, 1 and m; the rest differ by a hair's breadth on a terminal. */
const prototypes: Readonly<Record<string, string>> = {
  "0": "o",
  "1": "l",
  m: "rn",
  w: "vv",
  d: "cl",
};

const confusables = new RegExp(`[${Object.keys(prototypes).join("")}]`, "g");
