import { refuse } from "@cohort/proto/problem";

/**
 * Names of the parameters of a query, "" or from "?" on, as a server that decodes forms reads them;
 * ";" separates too, since some servers take it so. Throws USAGE for what does not decode.
 */
export function queryNames(query: string): string[] {
  if (query.length <= 1) return [];
  return query
    .slice(1)
    .split(/[&;]/)
    .filter((pair) => pair !== "")
    .map((pair) => decoded(/^[^=]*/.exec(pair)?.[0] ?? ""));
}

/** Whether a list allows them: each is in it and given once, or any time with a name that ends in "[]". */
export function allowsQuery(
  names: readonly string[],
  allowed: readonly string[] | undefined,
): boolean {
  if (allowed === undefined) return true;
  return names.every(
    (name, at) => allowed.includes(name) && (name.endsWith("[]") || names.indexOf(name) === at),
  );
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name.replaceAll("+", " "));
  } catch {
    throw refuse("USAGE", "the query has a name that is no UTF-8");
  }
}
