import {
  Release,
  type ReleaseKey,
  type ReleaseKeys,
  type SignedRelease,
} from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { refuse } from "@cohort/proto/problem";
import { releaseKeyProof, releaseProof } from "@cohort/proto/proof";
import { compareVersions, isVersion } from "@cohort/proto/version";
import { equalBytes } from "../bytes.ts";
import type { Crypto } from "../host.ts";

/**
 * The key to trust from now on. The first key that a node is told of is its coordinator's word; every
 * later one must be signed by the one before, from the trusted one on. Throws RELEASE_UNTRUSTED.
 */
export function followKeys(
  crypto: Crypto,
  trusted: Uint8Array | null,
  { keys }: ReleaseKeys,
): Uint8Array {
  const latest = keys.at(-1);
  if (latest === undefined || keys.length > limits.releaseKeysMax) {
    throw refuse("RELEASE_UNTRUSTED", "the message holds no release key, or too many");
  }
  const from = trusted === null ? 0 : keys.findIndex(({ key }) => equalBytes(key, trusted));
  if (from === -1) {
    throw refuse("RELEASE_UNTRUSTED", "the release key that this node trusts is none of these", {
      hint: "Where that one is lost, remove the file update/record of the node's data.",
    });
  }
  for (const [at, next] of keys.slice(from + 1).entries()) {
    const before = keys[from + at] as ReleaseKey;
    if (crypto.verify(releaseKeyProof(next.key), next.signature, before.key)) continue;
    throw refuse("RELEASE_UNTRUSTED", "a release key is not signed by the one before");
  }
  if (latest.key.length !== 32) throw refuse("RELEASE_UNTRUSTED", "the release key is no key");
  return latest.key;
}

/** What the node is, as far as a release must fit it. */
export interface Standing {
  readonly arch: string;
  readonly version: string;
  /** Below which no version runs here any more; "" for none. */
  readonly floor: string;
}

/**
 * What the release says, when it is signed with the key and may run here. Throws RELEASE_UNTRUSTED,
 * RELEASE_INVALID, RELEASE_OLDER.
 */
export function openRelease(
  crypto: Crypto,
  key: Uint8Array,
  { payload, signature }: SignedRelease,
  { arch, version, floor }: Standing,
  downgrade: boolean,
): Release {
  if (!crypto.verify(releaseProof(payload), signature, key)) {
    throw refuse("RELEASE_UNTRUSTED", "the release is not signed by the key that this node trusts");
  }
  const release = decoded(payload);
  if (release.arch !== arch) {
    throw refuse("RELEASE_INVALID", `the release is for ${release.arch}, this node is ${arch}`);
  }
  const isSound =
    isVersion(release.version) &&
    (release.floor === "" || isVersion(release.floor)) &&
    release.sha256.length === 32 &&
    release.size > 0 &&
    release.size <= limits.releaseBytesMax;
  if (!isSound) throw refuse("RELEASE_INVALID", "the release says what cannot be");
  if (floor !== "" && compareVersions(release.version, floor) < 0) {
    throw refuse("RELEASE_OLDER", `${release.version} is below ${floor}, which this node ran`);
  }
  if (!downgrade && compareVersions(release.version, version) < 0) {
    throw refuse("RELEASE_OLDER", `${release.version} is older than ${version}, which runs here`);
  }
  return release;
}

function decoded(payload: Uint8Array): Release {
  try {
    return Release.decode(payload);
  } catch (cause) {
    throw refuse("RELEASE_INVALID", "the release cannot be decoded", {}, cause);
  }
}
