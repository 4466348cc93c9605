import { cataloguePrefix, catalogueServices } from "@cohort/proto/catalogue/catalogue";
import type { Problem } from "@cohort/proto/problem";
import { parse } from "yaml";
import { suggest } from "./nearest.ts";
import type { Source } from "./source.ts";

/** Keys of a resource, as written. */
type Keys = Readonly<Record<string, unknown>>;

export interface CatalogueService {
  /** Everything that the catalogue says. */
  readonly keys: Keys;
  /** What it leaves to whoever extends it, with an example of each. */
  readonly needs: Keys;
}

/** A service of the catalogue, with what it extends itself; null when there is none of the name. */
export function catalogueService(name: string): CatalogueService | null {
  const entry = Object.hasOwn(catalogueServices, name) ? catalogueServices[name] : undefined;
  if (entry === undefined) return null;
  const { needs = {}, extends: base, ...keys } = parse(entry.yaml) as Keys & { needs?: Keys };
  if (typeof base !== "string") return { keys, needs };
  const above = catalogueService(base.slice(cataloguePrefix.length));
  return { keys: { ...above?.keys, ...keys }, needs };
}

/**
 * The service's own keys over those of the one that it `extends`, or all that is wrong with that.
 * A key that is given replaces the catalogue's whole: what one reads is what holds.
 */
export function extended(source: Source): Keys | Problem[] {
  const { extends: named, ...own } = source.value as Keys;
  if (named === undefined) return own;
  if (typeof named !== "string" || !named.startsWith(cataloguePrefix)) {
    return { ...own, extends: named };
  }
  const found = catalogueService(named.slice(cataloguePrefix.length));
  if (found === null) {
    const near = Object.keys(catalogueServices).map((it) => cataloguePrefix + it);
    const hint = suggest(named, near) || "`cohort service list --catalogue` lists them.";
    const message = `the catalogue has no ${JSON.stringify(named)}`;
    return [source.problemAt(["extends"], "RESOURCE_REFERENCE_UNKNOWN", message, hint)];
  }
  const missing = Object.entries(found.needs).filter(([key]) => !Object.hasOwn(own, key));
  if (missing.length > 0) {
    return missing.map(([key, example]) => {
      const message = `\`${key}\` is missing: ${named} leaves it to you`;
      const hint = `Such as ${key}: ${JSON.stringify(example)}`;
      return source.problemAt(["extends"], "RESOURCE_INVALID", message, hint);
    });
  }
  return { ...found.keys, ...own };
}
