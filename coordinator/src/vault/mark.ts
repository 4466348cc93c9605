import { createHash } from "node:crypto";
import type { VaultMark } from "@cohort/proto/gen/cohort/ledger";
import { canonicalJson } from "@cohort/proto/ledger/canonical";
import type { Ring } from "./keyring.ts";
import type { VaultStore } from "./vault-store.ts";

/**
 * What the vault's file holds, as the ledger is to remember it: its keys, and all of every secret but its
 * value and the data key that it is under. A version's value never changes, so a row that is sealed anew
 * leaves the mark as it is.
 */
export function markOf(store: VaultStore): VaultMark {
  const generation = store.generation();
  const contents = canonicalJson({
    generation,
    keys: (["own", "secrets"] as const).map((ring) => keysOf(store, ring)),
    secrets: store
      .policies()
      .map(({ path, version, services, bindings, setMs, untilMs }) => [
        ...[path, version, [...services], setMs, untilMs],
        bindings.map(({ service, injection }) => [service, injection]),
      ]),
    retired: store
      .everyRetired()
      .map(({ path, version, setMs, retiredMs }) => [path, version, setMs, retiredMs]),
  });
  return { generation, digest: createHash("sha256").update(contents).digest() };
}

function keysOf(store: VaultStore, ring: Ring): unknown {
  const { root, dataKeys } = store.keys(ring);
  const numbers = [...dataKeys.keys()].sort((one, other) => one - other);
  return [
    ring,
    root.method,
    hex(root.nonce),
    numbers.map((it) => [it, hex(dataKeys.get(it)?.nonce)]),
  ];
}

function hex(bytes: Uint8Array = new Uint8Array()): string {
  return Buffer.from(bytes).toString("hex");
}
