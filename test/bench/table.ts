/** One measured figure; `limit` is what it should stay below, `peer` the yardstick's in the same run. */
export interface Result {
  readonly what: string;
  readonly unit: string;
  readonly value: number;
  readonly limit?: number;
  readonly peer?: number;
}

/** A table on standard output; with --json the same figures as one JSON object. */
export function printResults(title: string, results: readonly Result[]): void {
  if (process.argv.includes("--json")) {
    process.stdout.write(`${JSON.stringify({ title, results })}\n`);
    return;
  }
  const rows = results.map((it) => [
    it.what,
    `${round(it.value)} ${it.unit}`,
    it.limit === undefined ? "-" : `< ${it.limit} ${it.unit}`,
    it.limit === undefined ? "-" : it.value < it.limit ? "yes" : "no",
    it.peer === undefined ? "-" : `${round(it.peer)} ${it.unit}`,
    it.peer === undefined ? "-" : `1 : ${round(it.peer / it.value)}`,
  ]);
  const table = [["", "measured", "limit", "within", "bare node", "ratio"], ...rows];
  const widths =
    table[0]?.map((_, at) => Math.max(...table.map((row) => (row[at] ?? "").length))) ?? [];
  process.stdout.write(`\n${title}\n`);
  for (const row of table) {
    process.stdout.write(
      `${row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join("  ")
        .trimEnd()}\n`,
    );
  }
}

function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}
