import type { Problem } from "@cohort/proto/problem";
import { allSteps, type Workflow } from "@cohort/proto/resources/workflow";
import { suggest } from "./nearest.ts";
import type { Path, Source } from "./source.ts";

/** Channels that steps send to and that nobody has defined. */
export function channelProblems(
  workflow: Workflow,
  source: Source,
  exists: (name: string) => boolean,
  near: readonly string[],
): Problem[] {
  const unknown = (name: string, path: Path) => {
    if (exists(name)) return [];
    const message = `no channel is called "${name}"`;
    const hint = suggest(name, near);
    return [source.problemAt(path, "RESOURCE_REFERENCE_UNKNOWN", message, hint)];
  };
  return allSteps(workflow).flatMap(({ phase, at, step: { publish, approve } }) => [
    ...(publish?.channel === undefined
      ? []
      : unknown(publish.channel, [phase, at, "publish", "channel"])),
    ...(approve?.notify ?? []).flatMap((name, index) =>
      unknown(name, [phase, at, "approve", "notify", index]),
    ),
  ]);
}
