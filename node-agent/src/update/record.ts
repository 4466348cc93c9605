import { fromBase64, toBase64 } from "../bytes.ts";
import type { Files } from "../host.ts";

/** What the node must not forget of its updates: the file "record" in the folder "update". */
export interface UpdateRecord {
  /** That releases must be signed with; null before it was told of any. */
  readonly releaseKey: Uint8Array | null;
  /** Below which no version runs here any more; "" for none. */
  readonly floor: string;
  /** The latest one; null before the first. */
  readonly latest: LatestUpdate | null;
}

export interface LatestUpdate {
  readonly rollout: string;
  readonly version: string;
  /** Hex. */
  readonly sha256: string;
  readonly floor: string;
  readonly state: "fetching" | "updated" | "failed";
  readonly code: string;
  readonly message: string;
}

const nothing: UpdateRecord = { releaseKey: null, floor: "", latest: null };

/** Where it cannot be read, whom the node trusted is not known: then it trusts nobody. */
export function readRecord(files: Files, folder: string): UpdateRecord {
  const bytes = files.read(`${folder}/record`);
  if (bytes === null) return nothing;
  try {
    return parseRecord(new TextDecoder().decode(bytes));
  } catch {
    return { ...nothing, releaseKey: nobody };
  }
}

/** No signature verifies under it. */
const nobody = new Uint8Array(32);

function parseRecord(text: string): UpdateRecord {
  const fields = JSON.parse(text) as Record<string, unknown>;
  const key = fields["releaseKey"];
  const releaseKey = key === null ? null : fromBase64(String(key));
  if (releaseKey !== null && releaseKey.length !== 32) throw new Error("not a key of 32 bytes");
  const latest = fields["latest"] as LatestUpdate | null;
  return { releaseKey, floor: String(fields["floor"]), latest };
}

export function writeRecord(files: Files, folder: string, record: UpdateRecord): void {
  const { releaseKey, floor, latest } = record;
  const text = JSON.stringify({
    releaseKey: releaseKey === null ? null : toBase64(releaseKey),
    floor,
    latest,
  });
  files.makeDirectory(folder, 0o700);
  files.writeAtomic(`${folder}/record`, new TextEncoder().encode(`${text}\n`), 0o600);
}
