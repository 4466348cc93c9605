import type { Facts } from "@cohort/proto/gen/cohort/node";
import { stepLimitDefaults } from "@cohort/proto/limits";
import type { Needs } from "../workflow/needs.ts";
import { schedulerLimits } from "./limits.ts";

/**
 * What a node has to give beside its slots. Some of its memory stays with its system and its agent;
 * yet the smallest board has room for one step of the usual limit. Where a node does not say how
 * much it has, that is not counted.
 */
export function offerOf({ memoryBytes, cores }: Facts): Needs {
  const free = memoryBytes - schedulerLimits.nodeReserveBytes;
  return {
    memoryBytes: memoryBytes === 0 ? unknown : Math.max(free, stepLimitDefaults.memoryBytes),
    cpuMillis: cores === 0 ? unknown : cores * 1000,
  };
}

const unknown = Number.POSITIVE_INFINITY;
