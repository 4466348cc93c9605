import { type Release, ReleaseReply, ReleaseRequest } from "@cohort/proto/gen/cohort/node";
import { refuse } from "@cohort/proto/problem";
import { equalBytes, toHex } from "../bytes.ts";
import type { AppendFile, Host } from "../host.ts";
import { hostErrorCode } from "../host-error.ts";
import { agentLimits } from "../limits.ts";
import { untilAnswered } from "../mesh/until-answered.ts";

export interface FetchOptions {
  readonly host: Host;
  /** Where images are; each is called by its SHA-256 in hex. */
  readonly folder: string;
  readonly release: Release;
  /** Asks the coordinator for a piece; the encoded answer. */
  readonly ask: (request: Uint8Array) => Promise<Uint8Array>;
  /** Ends the fetching; it then throws STEP_CANCELLED. */
  readonly signal: AbortSignal;
}

/**
 * Brings the image of the release to the disk, a piece at a time, and goes on where an earlier try
 * ended. Throws UPDATE_DISK_FULL, RELEASE_CORRUPT, and what the coordinator refuses it with.
 */
export async function fetchImage(options: FetchOptions): Promise<void> {
  const { host, folder, release } = options;
  const path = `${folder}/${toHex(release.sha256)}`;
  const begun = host.files.read(path);
  const resumes = begun !== null && begun.length > 0;
  if (await fetchFrom(options, path, begun ?? new Uint8Array(0))) return;
  host.files.remove(path);
  // What was there may have been spoiled by a loss of power.
  if (resumes && (await fetchFrom(options, path, new Uint8Array(0)))) return;
  if (resumes) host.files.remove(path);
  throw refuse("RELEASE_CORRUPT", `${release.version} did not arrive as it was signed`);
}

/** Whether what is there at the end is what the release says. */
async function fetchFrom(
  { host, release, ask, signal, folder }: FetchOptions,
  path: string,
  begun: Uint8Array,
): Promise<boolean> {
  const { size, sha256 } = release;
  const hasher = host.crypto.hasher();
  hasher.update(begun);
  assertRoom(host, folder, size - begun.length);
  const file = host.files.openAppend(path, 0o700);
  try {
    for (let offset = begun.length; offset < size; ) {
      const request = ReleaseRequest.encode({ sha256, offset }).finish();
      const answer = async () => ReleaseReply.decode(await ask(request));
      const { data } = await untilAnswered(host, answer, signal);
      if (data.length === 0 || offset + data.length > size) return false;
      append(file, data);
      hasher.update(data);
      offset += data.length;
    }
    await file.sync().catch(refuseFull);
  } finally {
    file.close();
  }
  return equalBytes(hasher.digest(), sha256);
}

/** The journal and the next update's record need some of it too. */
function assertRoom(host: Host, folder: string, bytes: number): void {
  const { freeBytes } = host.files.space(folder);
  if (freeBytes >= bytes + agentLimits.updateReserveBytes) return;
  throw refuse("UPDATE_DISK_FULL", `${freeBytes} bytes are free on the disk; ${bytes} are to come`);
}

function append(file: AppendFile, data: Uint8Array): void {
  try {
    file.append(data);
  } catch (error) {
    refuseFull(error);
  }
}

function refuseFull(error: unknown): never {
  if (hostErrorCode(error) !== "ENOSPC") throw error;
  throw refuse("UPDATE_DISK_FULL", "the disk is full", {}, error);
}
