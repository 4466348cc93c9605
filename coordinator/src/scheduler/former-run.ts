import type { TakenInstance } from "@cohort/proto/gen/cohort/ledger";
import type { Usage } from "@cohort/proto/gen/cohort/node";
import { refuse } from "@cohort/proto/problem";
import type { Artifact } from "../artifacts/artifacts.ts";
import type { Event } from "../state/event.ts";
import { schedulerLimits } from "./limits.ts";

/** What a retry or a rerun needs to know of the run that was: as the console shows it. */
export interface FormerRun {
  readonly run: string;
  readonly workflow: string;
  readonly version: string;
  readonly state: string;
  readonly reason: string;
  readonly inputsJson: string;
  readonly eventJson: string;
  readonly steps: readonly FormerStep[];
}

export interface FormerStep {
  readonly step: string;
  readonly state: string;
  readonly reason: string;
  readonly skippedBy: string;
  readonly instances: readonly FormerInstance[];
}

export interface FormerInstance {
  readonly attempt: number;
  readonly node: string;
  readonly state: string;
  readonly startedMs: number;
  readonly endedMs: number;
  readonly outputJson: string;
  readonly outputOmitted: boolean;
  readonly code: string;
  readonly message: string;
  readonly usage?: Usage | undefined;
  readonly killed: string;
}

/**
 * Takes a step of the former run over into another: in more than one event when its outputs are
 * many, since an entry of the log is to stay small. Throws RETRY_INCOMPLETE.
 */
export function takeOver(run: string, former: FormerStep): Event[] {
  const { step, state: outcome, reason, skippedBy } = former;
  if (former.instances.some((it) => it.outputOmitted)) {
    throw refuse("RETRY_INCOMPLETE", `the outputs of step ${step} are not kept any more`);
  }
  return piecesOf(former.instances.map(takenInstance)).map((instances) => ({
    $case: "stepTaken",
    value: { run, step, outcome, reason, skippedBy, instances },
  }));
}

/** What the steps left as files is the other run's too, which keeps them for as long as itself. */
export function takeArtifacts(
  run: string,
  steps: ReadonlySet<string>,
  left: readonly Artifact[],
): Event[] {
  return left
    .filter(({ step }) => steps.has(step))
    .map(({ step, instance, attempt, name, sha256, size }) => {
      const key = { run, step, instance, attempt };
      const hash = new Uint8Array(Buffer.from(sha256, "hex"));
      return { $case: "artifactStored", value: { attempt: key, name, sha256: hash, size } };
    });
}

/** At least one, and none longer than the limit but by its last instance. */
function piecesOf(instances: readonly TakenInstance[]): TakenInstance[][] {
  const pieces: TakenInstance[][] = [[]];
  let bytesLeft: number = schedulerLimits.takenBytesMax;
  for (const instance of instances) {
    if (bytesLeft <= 0) {
      pieces.push([]);
      bytesLeft = schedulerLimits.takenBytesMax;
    }
    pieces.at(-1)?.push(instance);
    const { outputJson = "", message = "" } = instance.result ?? {};
    bytesLeft -= outputJson.length + message.length + frameBytes;
  }
  return pieces;
}

/** About what an instance takes beside its output and its message. */
const frameBytes = 256;

function takenInstance(it: FormerInstance): TakenInstance {
  const { attempt, node, state, startedMs, endedMs } = it;
  const { code, message, outputJson, usage, killed } = it;
  const outcome = state === "succeeded" ? "succeeded" : "failed";
  const result = {
    outcome,
    code,
    exit: 0,
    message,
    outputJson,
    usage,
    ...(killed === "" ? {} : { killed }),
  };
  return { attempt, node, state, startedMs, endedMs, result };
}
