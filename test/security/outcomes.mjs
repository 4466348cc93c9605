import { attacks, partsToCome } from "./catalogue.mjs";

/**
 * @typedef {object} Report What vitest's JSON reporter writes, as far as it is read.
 * @property {{ name: string, assertionResults: { fullName: string, status: string }[] }[]} testResults
 *
 * @typedef {object} Outcome
 * @property {number} number
 * @property {string} result
 * @property {boolean} fine
 * @property {readonly string[]} files
 */

/**
 * A number's tests are those whose titles name it; where none in a file does, all of that file.
 *
 * @param {readonly number[]} numbers
 * @param {ReadonlyMap<number, import("./catalogue.mjs").Place>} places
 * @param {Report} report names of files from the repository's root
 * @returns {Outcome[]}
 */
export function outcomesOf(numbers, places, report) {
  return numbers.map((number) => {
    const { files = [], later = "" } = places.get(number) ?? {};
    const tests = files.flatMap((file) => {
      const all = report.testResults.find(({ name }) => name === file)?.assertionResults;
      // A file that does not even load has no test.
      if (all === undefined || all.length === 0) return [{ fullName: file, status: "failed" }];
      const named = all.filter(({ fullName }) => namesNumber(fullName, number));
      return named.length > 0 ? named : all;
    });
    const count = (/** @type {string} */ it) => tests.filter(({ status }) => status === it).length;
    const [passed, failed] = [count("passed"), count("failed")];
    const rest = tests.length - passed - failed;
    const skipped = rest === 0 ? "" : `, ${rest} skipped: this machine cannot`;
    const toCome = later === "" ? "" : ` (${later})`;
    if (failed > 0)
      return { number, result: `FAILED: ${failed} of ${tests.length}`, fine: false, files };
    if (passed > 0) {
      return { number, result: `passed: ${passed}${skipped}${toCome}`, fine: true, files };
    }
    const part = partsToCome.get(number);
    if (part !== undefined) return { number, result: `comes with ${part}`, fine: true, files };
    return { number, result: `NO TEST${skipped}${toCome}`, fine: false, files };
  });
}

/** @param {string} title @param {number} number */
function namesNumber(title, number) {
  return new RegExp(`(?<![\\w.:$-])${number}(?![\\w.%-])(?=[,):]|$| and)`).test(title);
}

/** @param {readonly Outcome[]} outcomes */
export function tableOf(outcomes) {
  const rows = outcomes.map(({ number, result, files }) => [
    String(number).padStart(3),
    attacks[number - 1] ?? "",
    result,
    files.slice(0, 2).join(" ") + (files.length > 2 ? ` and ${files.length - 2} more` : ""),
  ]);
  const widths = [0, 1, 2].map((at) => Math.max(0, ...rows.map((row) => row[at]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((it, at) => it.padEnd(widths[at] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  const bad = outcomes.filter(({ fine }) => !fine).map(({ number }) => number);
  const passed = outcomes.filter(({ result }) => result.startsWith("passed")).length;
  const end = bad.length === 0 ? "none failed" : `not withstood: ${bad.join(", ")}`;
  return `${lines.join("\n")}\n\n${passed} of ${outcomes.length} attacks withstood; ${end}`;
}
