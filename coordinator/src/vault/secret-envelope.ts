import { canonicalJson } from "@cohort/proto/ledger/canonical";
import { openEnvelope, sealEnvelope } from "./envelope.ts";
import type { Keyring } from "./keyring.ts";
import type { SecretPolicy, SecretRow } from "./secret-table.ts";

/** The row of a secret under the current data key: its value, bound to all else that stands in it. */
export function sealSecret(
  { current }: Keyring,
  policy: Omit<SecretPolicy, "dataKey">,
  value: Buffer,
): SecretRow {
  const row = { ...policy, dataKey: current.number };
  return { ...row, ...sealEnvelope(current.key, value, secretContext(row)) };
}

/** Null when the row was changed in any part. The caller wipes the value. */
export function openSecret(keyring: Keyring, row: SecretRow): Buffer | null {
  const key = keyring.dataKey(row.dataKey);
  return key === undefined ? null : openEnvelope(key, row, secretContext(row));
}

function secretContext(policy: SecretPolicy) {
  const { path, version, services, bindings, setMs, untilMs, dataKey } = policy;
  const bound = canonicalJson(bindings.map(({ service, injection }) => [service, injection]));
  return { purpose: "secret", path, version, services, bindings: bound, setMs, untilMs, dataKey };
}
