import type { ErrorCode } from "@cohort/proto/errors";
import type { Finished, Limits, Usage } from "@cohort/proto/gen/cohort/node";
import { stepLimitDefaults } from "@cohort/proto/limits";
import { type CohortError, refuse } from "@cohort/proto/problem";
import { formatDuration, formatSize } from "@cohort/proto/quantity";
import { limitOfCode } from "@cohort/proto/step-ends";
import type { SandboxExit } from "../host.ts";
import { agentLimits } from "../limits.ts";

export function success(outputJson: string, exit: SandboxExit): Finished {
  const usage = usageOf(exit);
  return { outcome: "succeeded", code: "", exit: 0, message: "", outputJson, usage };
}

/** The result of an attempt that did not succeed; `exit` is null when nobody knows what it used. */
export function failure(code: ErrorCode, message: string, exit: SandboxExit | null): Finished {
  return {
    outcome: "failed",
    code,
    exit: exit?.code ?? -1,
    message: message.slice(0, agentLimits.messageLengthMax),
    outputJson: "",
    usage: exit === null ? undefined : usageOf(exit),
    killed: limitOfCode(code),
  };
}

/** Of an attempt that came to nothing before its program began. */
export const neverRan: SandboxExit = {
  code: -1,
  signal: "",
  killed: "",
  cpuMs: 0,
  memoryPeakBytes: 0,
  wallMs: 0,
};

/** Why a step that ended by itself, or by a limit, did not succeed. */
export function endOf(exit: SandboxExit, given: Limits | undefined, said: string): CohortError {
  const because = said === "" ? "" : `: ${said}`;
  const how = exit.signal === "" ? `exit status ${exit.code}` : `${exit.signal} ended the step`;
  const { memoryBytes, diskBytes, pids } = stepLimitDefaults;
  switch (exit.killed) {
    case "memory": {
      const size = formatSize(given?.memoryBytes || memoryBytes);
      return refuse("STEP_MEMORY", `the step used more memory than its ${size}`);
    }
    case "cpu": {
      const time = given?.cpuMs ? `its ${formatDuration(given.cpuMs)}` : "its timeout has";
      return refuse("STEP_CPU", `the step used more processor time than ${time}`);
    }
    case "disk": {
      const size = formatSize(given?.diskBytes || diskBytes);
      return refuse("STEP_DISK", `the step's disk of ${size} was full; ${how}${because}`);
    }
    case "pids": {
      const most = given?.pids || pids;
      return refuse("STEP_PIDS", `the step had all of its ${most} processes; ${how}${because}`);
    }
    case "":
      return refuse(exit.signal === "" ? "STEP_EXIT" : "STEP_SIGNAL", `${how}${because}`);
  }
}

function usageOf(exit: SandboxExit): Usage {
  return {
    cpuMs: Math.round(exit.cpuMs),
    memoryPeakBytes: exit.memoryPeakBytes,
    wallMs: Math.round(exit.wallMs),
    bytesIn: 0,
    bytesOut: 0,
    deviceReads: [],
  };
}
