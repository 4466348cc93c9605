import type { GraphReply, GraphStep } from "@cohort/proto/gen/cohort/console";
import { formatTable } from "../table.ts";
import { levelsOf } from "./levels.ts";

/** A workflow's graph for a terminal: a step stands deeper than everything that it waits for. */
export function graphText({ steps }: GraphReply): string {
  const levels = levelsOf(steps);
  const depth = (it: GraphStep) => levels.get(it.step) ?? 0;
  const phases = [...new Set(steps.map(({ phase }) => phase))];
  const rows = phases.flatMap((phase) => [
    [phase, "", "", "", ""],
    ...steps
      .filter((it) => it.phase === phase)
      .sort((a, b) => depth(a) - depth(b))
      .map((it) => [
        `${"  ".repeat(depth(it) + 1)}${it.step}`,
        it.kind,
        it.instances,
        it.dependsCondition === "" ? it.depends.join(", ") : it.dependsCondition,
        it.condition,
      ]),
  ]);
  return formatTable(["STEP", "KIND", "INSTANCES", "AFTER", "IF"], rows);
}
