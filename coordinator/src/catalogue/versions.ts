import type { Resource } from "@cohort/proto/gen/cohort/ledger";
import { refuse } from "@cohort/proto/problem";
import { suggest } from "../workflow/nearest.ts";
import type { Application, Catalogue } from "./catalogue.ts";

/** Every time that a version of the resource was applied, newest first. Throws RESOURCE_UNKNOWN. */
export function applicationsOf(
  { history }: Catalogue,
  kind: string,
  name: string,
): readonly Application[] {
  const applications = history.get(`${kind}/${name}`);
  if (applications !== undefined) return applications.toReversed();
  const names = [...history.keys()]
    .filter((key) => key.startsWith(`${kind}/`))
    .map((key) => key.slice(kind.length + 1));
  throw refuse("RESOURCE_UNKNOWN", `no ${kind} is called "${name}"`, {
    hint: suggest(name, names),
  });
}

/**
 * The version of a resource that a text begins, "" for the newest. Throws RESOURCE_UNKNOWN, and
 * VERSION_UNKNOWN where none or several begin so.
 */
export function versionOf(
  catalogue: Catalogue,
  kind: string,
  name: string,
  beginning: string,
): Resource {
  const versions = [...new Set(applicationsOf(catalogue, kind, name).map((it) => it.version))];
  const found = beginning === "" ? versions.slice(0, 1) : versions.filter(beginsWith(beginning));
  if (found.length === 1) return catalogue.versions.get(found[0] as string) as Resource;
  const what = found.length === 0 ? "no version" : "more than one version";
  throw refuse("VERSION_UNKNOWN", `${what} of ${kind} ${name} begins with "${beginning}"`, {
    hint: `Its versions, newest first: ${versions.slice(0, 8).map(shortVersion).join(", ")}.`,
  });
}

/** The version before the newest. Throws RESOURCE_UNKNOWN, VERSION_UNKNOWN. */
export function versionBefore(catalogue: Catalogue, kind: string, name: string): Resource {
  const [newest, ...earlier] = applicationsOf(catalogue, kind, name);
  const before = earlier.find((it) => it.version !== newest?.version);
  if (before !== undefined) return catalogue.versions.get(before.version) as Resource;
  throw refuse("VERSION_UNKNOWN", `${kind} ${name} has no earlier version`);
}

/** Enough of a version to tell it apart, for people. */
export function shortVersion(version: string): string {
  return version.slice(0, 12);
}

function beginsWith(beginning: string): (version: string) => boolean {
  return (version) => version.startsWith(beginning);
}
