import type { AttemptKey, Dispatch } from "@cohort/proto/gen/cohort/node";
import { stepLimitDefaults } from "@cohort/proto/limits";
import { refuse } from "@cohort/proto/problem";
import { instanceId } from "@cohort/proto/proof";
import { devicesPath } from "../devices/step-devices.ts";
import type { SandboxSpec } from "../host.ts";
import { agentLimits } from "../limits.ts";
import { outputPath } from "./output.ts";

/**
 * What of the machine a step sees, read-only: programs, libraries and the dynamic linker's own
 * tables. Of /etc nothing else: no accounts, no keys, no configuration.
 */
const readOnly = [
  "/bin",
  "/sbin",
  "/usr",
  "/lib",
  "/lib32",
  "/lib64",
  "/etc/ld.so.cache",
  "/etc/alternatives",
];

/** Shells as GitHub Actions starts them: the step ends at the first command that fails. */
const shells: Readonly<Record<string, readonly string[]>> = {
  sh: ["/bin/sh", "-e"],
  dash: ["/bin/dash", "-e"],
  ash: ["/bin/ash", "-e"],
  ksh: ["/bin/ksh", "-e"],
  zsh: ["/bin/zsh", "-e"],
  bash: ["/bin/bash", "--noprofile", "--norc", "-eo", "pipefail"],
};

const encoder = new TextEncoder();

/** The sandbox for a dispatch. Throws DISPATCH_INVALID when its work cannot be understood. */
export function sandboxSpec(dispatch: Dispatch, node: string, cores: number): SandboxSpec {
  const { argv, file } = program(dispatch);
  const given = dispatch.limits;
  return {
    argv,
    environment: environment(dispatch, node),
    files: [
      { name: "inputs.json", bytes: encoder.encode(dispatch.inputsJson || "{}") },
      { name: "with.json", bytes: encoder.encode(dispatch.withJson || "{}") },
      ...file,
    ],
    limits: {
      memoryBytes: given?.memoryBytes || stepLimitDefaults.memoryBytes,
      pids: given?.pids || stepLimitDefaults.pids,
      diskBytes: given?.diskBytes || stepLimitDefaults.diskBytes,
      openFiles: given?.openFiles || stepLimitDefaults.openFiles,
      cpuMs: given?.cpuMs || allCpuMs(dispatch, cores),
    },
    readOnly,
    listenPort: hasGrants(dispatch) ? agentLimits.shimPort : 0,
    held: dispatch.downloads.length > 0,
  };
}

/** Whether there is anything that the step may ask for over its loopback. */
function hasGrants({ services, devices }: Dispatch): boolean {
  return services.length + devices.length > 0;
}

/** No limit of its own: every processor until the last second of its time. */
function allCpuMs(dispatch: Dispatch, cores: number): number {
  const timeoutMs = dispatch.timeoutMs || stepLimitDefaults.timeoutMs;
  return (timeoutMs + agentLimits.terminateGraceMs) * cores;
}

function program(dispatch: Dispatch): Pick<SandboxSpec, "argv"> & { file: SandboxSpec["files"] } {
  const work = dispatch.work;
  switch (work?.$case) {
    case "run": {
      const shell = shells[work.value.shell || "sh"];
      if (shell === undefined) {
        throw refuse("DISPATCH_INVALID", `the shell "${work.value.shell}" is not known`, {
          hint: `Use one of ${Object.keys(shells).join(", ")}, or \`command\`.`,
        });
      }
      return {
        argv: [...shell, "/work/step.sh"],
        file: [{ name: "step.sh", bytes: encoder.encode(work.value.script) }],
      };
    }
    case "command":
      if (work.value.argv.length === 0) throw refuse("DISPATCH_INVALID", "the command is empty");
      return { argv: work.value.argv, file: [] };
    case "script":
      return {
        argv: ["/.cohort/agent", "script", "/work/script.js"],
        file: [{ name: "script.js", bytes: encoder.encode(work.value.source) }],
      };
    case undefined:
      throw refuse("DISPATCH_INVALID", "the dispatch says nothing to do");
  }
}

/** What is left goes to the process itself, so that a script hears of its limit before it is killed. */
function scriptMemory({ limits }: Dispatch): string {
  const bytes = limits?.memoryBytes || stepLimitDefaults.memoryBytes;
  return String(Math.floor(bytes * agentLimits.scriptMemoryShare));
}

/** What the workflow sets wins over the defaults; what Cohort promises wins over both. */
function environment(dispatch: Dispatch, node: string): Record<string, string> {
  const attempt = dispatch.attempt as AttemptKey;
  const proxy = `http://127.0.0.1:${agentLimits.shimPort}`;
  return {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: "/work",
    TMPDIR: "/tmp",
    LANG: "C.UTF-8",
    ...dispatch.environment,
    COHORT_RUN: attempt.run,
    COHORT_STEP: attempt.step,
    COHORT_INSTANCE: String(attempt.instance),
    COHORT_ATTEMPT: String(attempt.attempt),
    // The same for every attempt: what a step hands to services that drop duplicates.
    COHORT_IDEMPOTENCY_KEY: instanceId(attempt),
    COHORT_NODE: node,
    COHORT_WORKFLOW: dispatch.workflow,
    ...(dispatch.work?.$case === "script" ? { COHORT_SCRIPT_MEMORY: scriptMemory(dispatch) } : {}),
    COHORT_OUTPUT: `/work/${outputPath(dispatch)}`,
    COHORT_INPUTS: "/work/inputs.json",
    COHORT_WITH: "/work/with.json",
    ...(dispatch.services.length > 0 ? { COHORT_PROXY: proxy } : {}),
    ...(dispatch.devices.length > 0 ? { COHORT_DEVICES: proxy + devicesPath } : {}),
  };
}
