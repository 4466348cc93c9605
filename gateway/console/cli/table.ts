import { neutralise } from "@cohort/proto/text";

export type Paint = (text: string) => string;

/** A cell; `paint` colours it after its width was taken. Its text may come from outside. */
export interface Cell {
  readonly text: string;
  readonly paint?: Paint | undefined;
}

/** Columns two spaces apart, under their titles; the last one is not padded. */
export function formatTable(
  titles: readonly string[],
  rows: readonly (readonly (Cell | string)[])[],
): string {
  const cells = [titles, ...rows].map((row) =>
    row.map((cell) => (typeof cell === "string" ? { text: neutralise(cell) } : clean(cell))),
  );
  const widths = titles.map((_, column) => Math.max(...cells.map((row) => widthOf(row[column]))));
  return cells
    .map((row) =>
      row
        .map((cell, column) => draw(cell, widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function clean(cell: Cell): Cell {
  return { ...cell, text: neutralise(cell.text) };
}

function widthOf(cell: Cell | undefined): number {
  return cell === undefined ? 0 : [...cell.text].length;
}

function draw(cell: Cell, width: number): string {
  const padding = " ".repeat(width - widthOf(cell));
  return `${cell.paint === undefined ? cell.text : cell.paint(cell.text)}${padding}`;
}
