import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { refuse } from "@cohort/proto/problem";
import { workflowAt } from "../catalogue/catalogue.ts";
import { findActive, type Run } from "../scheduler/runs.ts";
import type { Decision } from "../state/decision.ts";
import type { State } from "../state/state.ts";
import { findArtifact } from "./artifacts.ts";
import { artifactLimits } from "./limits.ts";

/** What a node offers, or has brought. */
export interface Offer {
  readonly node: string;
  readonly attempt: AttemptKey;
  readonly name: string;
  readonly size: number;
}

type Known = Pick<State, "catalogue" | "runs" | "artifacts">;

/**
 * Whether the node may bring this artifact now. Throws ARTIFACT_UNKNOWN, ARTIFACT_TOO_LARGE and
 * ARTIFACT_STORE_FULL.
 */
export function assertWelcome({ catalogue, runs, artifacts }: Known, offer: Offer): void {
  const { node, attempt, name, size } = offer;
  const { run, step, instance } = attempt;
  if (findActive(runs, attempt)?.node !== node) {
    throw refuse("ARTIFACT_UNKNOWN", "the attempt does not run on this node");
  }
  const { version } = runs.byId.get(run) as Run;
  const declared = workflowAt(catalogue, version).steps.get(step)?.definition.artifacts?.upload;
  if (!(declared ?? []).some((it) => it.name === name)) {
    throw refuse("ARTIFACT_UNKNOWN", `step ${step} declares no artifact ${name}`);
  }
  assertFits(`artifact ${name} has`, size, limits.artifactBytesMax);
  const before = findArtifact(artifacts, run, { step, instance, name });
  const ofRun = (artifacts.byRun.get(run)?.bytes ?? 0) + size - (before?.size ?? 0);
  assertFits(`with ${name}, the artifacts of the run have`, ofRun, artifactLimits.runBytesMax);
  if (artifacts.bytes + size <= artifactLimits.totalBytesMax) return;
  throw refuse("ARTIFACT_STORE_FULL", `there is no room for the ${size} bytes of ${name}`, {
    hint: "Let the history of runs be kept for a shorter time.",
  });
}

/** The content is in the store. `sha256` has 32 bytes. */
export function decideStored(state: Known, offer: Offer, sha256: Uint8Array): Decision<void> {
  const { attempt, name, size } = offer;
  const before = findArtifact(state.artifacts, attempt.run, { ...attempt, name });
  if (before?.attempt === attempt.attempt && before.sha256 === hexOf(sha256)) {
    return { events: [], value: undefined };
  }
  assertWelcome(state, state.artifacts.contents.has(hexOf(sha256)) ? { ...offer, size: 0 } : offer);
  const value = { attempt, name, sha256, size };
  return { events: [{ $case: "artifactStored", value }], value: undefined };
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function assertFits(what: string, bytes: number, bytesMax: number): void {
  if (bytes <= bytesMax) return;
  throw refuse("ARTIFACT_TOO_LARGE", `${what} ${bytes} bytes; ${bytesMax} are allowed`);
}
