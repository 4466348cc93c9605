import leven from "leven";

/** "Did you mean ...?" for a misspelt word; "" when nothing is near. */
export function suggest(word: string, valid: readonly string[]): string {
  const ranked = valid
    .map((candidate) => ({ candidate, distance: leven(word, candidate) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  if (best !== undefined && best.distance <= Math.max(1, Math.floor(word.length / 2))) {
    return `Did you mean "${best.candidate}"?`;
  }
  return valid.length > 0 && valid.length <= 24 ? `Valid here: ${valid.join(", ")}.` : "";
}
