import type { SecretPolicy } from "./secret-table.ts";
import { secretUnknown } from "./secret-versions.ts";
import type { SecretListing, VersionListing } from "./vault.ts";
import type { VaultStore } from "./vault-store.ts";

/** The newest version of each secret, by path. */
export function listSecrets(store: VaultStore): readonly SecretListing[] {
  const listed = new Map<string, SecretListing>();
  for (const row of store.policies()) {
    const newest = listed.get(row.path);
    if (newest === undefined) listed.set(row.path, listingOf(row));
    else {
      const former = { formerVersion: row.version, formerUntilMs: row.untilMs };
      listed.set(row.path, { ...newest, ...former });
    }
  }
  return [...listed.values()];
}

/** The newest first. Throws SECRET_UNKNOWN. */
export function listVersions(store: VaultStore, path: string): readonly VersionListing[] {
  const good = store.versions(path).map(({ version, setMs, untilMs, services, bindings }, at) => ({
    ...{ version, state: at === 0 ? ("current" as const) : ("former" as const) },
    ...{ setMs, untilMs, services, bindings },
  }));
  const retired = store.retired(path).map(({ version, setMs, retiredMs }) => ({
    ...{ version, state: "retired" as const, setMs, untilMs: retiredMs },
    ...{ services: [], bindings: [] },
  }));
  const all = [...good, ...retired].sort((one, other) => other.version - one.version);
  if (all.length > 0) return all;
  throw secretUnknown(`there never was a secret at ${path}`);
}

function listingOf({ path, version, setMs, services, bindings }: SecretPolicy): SecretListing {
  return { path, version, setMs, services, bindings, formerVersion: 0, formerUntilMs: 0 };
}
