import type { WorkflowStep } from "@cohort/proto/resources/workflow";
import { deviceNeeds } from "./device-needs.ts";

/** What an attempt takes of its node beside a slot. */
export interface Needs {
  readonly memoryBytes: number;
  /** Thousandths of a core. */
  readonly cpuMillis: number;
}

/** A step takes all the memory that it may use, and the cores that it asks for. */
export function needsOf({ limits, requires }: WorkflowStep): Needs {
  return { memoryBytes: limits.memory, cpuMillis: Math.round((requires.cpu ?? 0) * 1000) };
}

/** Equal for steps that the same nodes may run, and that take the same of them. */
export function nodeClassOf(step: WorkflowStep): string {
  const { arch, isolation, memory, devices } = step.requires;
  const { memoryBytes, cpuMillis } = needsOf(step);
  const select = step.nodes?.select;
  const granted = deviceNeeds(step);
  return JSON.stringify([
    ...[arch, isolation, memory, devices, memoryBytes, cpuMillis, select],
    ...(granted.length === 0 ? [] : [granted]),
  ]);
}
