import { Release, type ReleaseKey, type SignedRelease } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { refuse } from "@cohort/proto/problem";
import { releaseKeyProof, releaseProof } from "@cohort/proto/proof";
import { isVersion } from "@cohort/proto/version";
import { equalBytes } from "../fleet/bytes.ts";
import { type Decision, nothing } from "../state/decision.ts";
import { suggest } from "../workflow/nearest.ts";
import { rolloutLimits } from "./limits.ts";
import { isOver, type Rollouts } from "./rollout.ts";

/** Ed25519; refuses keys and signatures that are not canonical or of low order. */
export type Verify = (message: Uint8Array, signature: Uint8Array, key: Uint8Array) => boolean;

/**
 * The first key is the operator's word; each later one must be signed by the one before, for that is
 * all that nodes go by. The value tells whether anything changes. Throws RELEASE_UNTRUSTED,
 * RELEASE_INVALID, LIMIT_EXCEEDED.
 */
export function decideTrust(
  { keys }: Rollouts,
  { key, signature }: ReleaseKey,
  actor: string,
  verify: Verify,
): Decision<boolean> {
  const latest = keys.at(-1);
  if (latest !== undefined && equalBytes(latest.key, key)) return nothing(false);
  if (key.length !== 32 || keys.some((it) => equalBytes(it.key, key))) {
    throw refuse("RELEASE_INVALID", "this is no Ed25519 key, or one that was replaced before");
  }
  if (keys.length >= limits.releaseKeysMax) {
    throw refuse("LIMIT_EXCEEDED", `there are ${keys.length} release keys already`);
  }
  if (latest !== undefined && !verify(releaseKeyProof(key), signature, latest.key)) {
    throw refuse("RELEASE_UNTRUSTED", "the key is not signed by the one that is trusted", {
      hint: "Give the trusted key's file with --signed-by.",
    });
  }
  const recorded = { key, signature: latest === undefined ? new Uint8Array(0) : signature };
  return { events: [{ $case: "releaseKeyTrusted", value: { actor, key: recorded } }], value: true };
}

/**
 * What a signed release says, when it is signed by the trusted key. Throws RELEASE_UNTRUSTED,
 * RELEASE_INVALID.
 */
export function openRelease(
  { keys }: Rollouts,
  { payload, signature }: SignedRelease,
  verify: Verify,
): Release {
  const latest = keys.at(-1);
  if (latest === undefined) {
    throw refuse("RELEASE_UNTRUSTED", "no release key is trusted yet", {
      hint: "Make one with `cohort agent keygen`, and give it to `cohort agent trust`.",
    });
  }
  if (!verify(releaseProof(payload), signature, latest.key)) {
    throw refuse("RELEASE_UNTRUSTED", "the release is not signed by the key that is trusted");
  }
  const release = decoded(payload);
  const { version, arch, size, sha256, floor } = release;
  const sound =
    isVersion(version) &&
    (floor === "" || isVersion(floor)) &&
    architectures.includes(arch) &&
    sha256.length === 32 &&
    size > 0 &&
    size <= limits.releaseBytesMax;
  if (!sound) throw refuse("RELEASE_INVALID", "the release says what cannot be");
  return release;
}

/**
 * The binary of the release is in the object store. The value tells whether it is new there. Throws
 * as openRelease; RELEASE_INVALID where another binary of that version is published; LIMIT_EXCEEDED.
 */
export function decidePublished(
  rollouts: Rollouts,
  signed: SignedRelease,
  actor: string,
  verify: Verify,
): Decision<boolean> {
  const release = openRelease(rollouts, signed, verify);
  const { version, arch } = release;
  const there = rollouts.releases.get(version);
  const known = there?.get(arch)?.release;
  if (known !== undefined) {
    if (equalBytes(known.sha256, release.sha256) && known.floor === release.floor) {
      return nothing(false);
    }
    throw refuse("RELEASE_INVALID", `another binary of ${version} for ${arch} is published`, {
      hint: "Give the new binary a version of its own.",
    });
  }
  if (there === undefined && rollouts.releases.size >= rolloutLimits.versionsMax) {
    throw refuse("LIMIT_EXCEEDED", `${rolloutLimits.versionsMax} versions are published already`, {
      hint: "Remove one: `cohort agent remove VERSION`.",
    });
  }
  return {
    events: [{ $case: "releasePublished", value: { actor, signed, release } }],
    value: true,
  };
}

/** Throws RELEASE_UNKNOWN, RELEASE_IN_USE. */
export function decideRemoved(rollouts: Rollouts, version: string, actor: string): Decision<void> {
  assertPublished(rollouts, version);
  const { current } = rollouts;
  if (current !== null && !isOver(current) && current.request.version === version) {
    throw refuse("RELEASE_IN_USE", `version ${version} is being rolled out`);
  }
  return { events: [{ $case: "releaseRemoved", value: { actor, version } }], value: undefined };
}

/** Throws RELEASE_UNKNOWN. */
export function assertPublished({ releases }: Rollouts, version: string): void {
  if (releases.has(version)) return;
  const shown = JSON.stringify(version.slice(0, 64));
  throw refuse("RELEASE_UNKNOWN", `no version ${shown} of the agent is published`, {
    hint: suggest(version, [...releases.keys()]),
  });
}

const architectures: readonly string[] = ["x86_64", "arm64", "riscv64"];

function decoded(payload: Uint8Array): Release {
  try {
    return Release.decode(payload);
  } catch (cause) {
    throw refuse("RELEASE_INVALID", "the release cannot be decoded", {}, cause);
  }
}
