/**
 * One measured figure. It should stay below `limit`, or reach `least`; `peer` is the yardstick's in
 * the same run.
 */
export interface Result {
  readonly what: string;
  readonly unit: string;
  readonly value: number;
  readonly limit?: number;
  readonly least?: number;
  readonly peer?: number;
}

/** A table on standard output; with --json the same figures as one JSON object. */
export function printResults(title: string, results: readonly Result[], peer: string): void {
  if (process.argv.includes("--json")) {
    process.stdout.write(`${JSON.stringify({ title, peer, results })}\n`);
    return;
  }
  const rows = results.map((it) => [
    it.what,
    `${round(it.value)} ${it.unit}`,
    ...target(it),
    it.peer === undefined ? "-" : `${round(it.peer)} ${it.unit}`,
    it.peer === undefined ? "-" : ratio(it.peer, it),
  ]);
  const table = [["", "measured", "target", "met", peer, "ratio"], ...rows];
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

function target({ value, unit, limit, least }: Result): [string, string] {
  if (limit !== undefined) return [`< ${limit} ${unit}`, value < limit ? "yes" : "no"];
  if (least !== undefined) return [`>= ${least} ${unit}`, value >= least ? "yes" : "no"];
  return ["-", "-"];
}

/** Where more is better, ours over the peer's; where less is, how much less ours is. */
function ratio(peer: number, { value, least }: Result): string {
  return least === undefined ? `1 : ${round(peer / value)}` : `${round(value / peer)} : 1`;
}

function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}
