/**
 * Whether a JSON value is nested deeper than `depthMax`. Parsing survives any depth; what walks the value
 * afterwards recurses.
 */
export function isDeeper(value: unknown, depthMax: number): boolean {
  let level = [value];
  for (let depth = 0; depth <= depthMax; depth += 1) {
    level = level.flatMap((it) => (it !== null && typeof it === "object" ? Object.values(it) : []));
    if (level.length === 0) return false;
  }
  return true;
}
