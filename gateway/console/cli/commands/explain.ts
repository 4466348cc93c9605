import type { Explanation, InstanceReason, NodeGroup } from "@cohort/proto/gen/cohort/console";
import { neutralise } from "@cohort/proto/text";
import { formatMoment } from "../moments.ts";
import type { Session } from "../session.ts";
import { explanationView } from "../views.ts";

/** Why a step does not run. */
export async function explain(
  session: Session,
  run: string,
  step: string,
  { all }: { readonly all: boolean },
): Promise<number> {
  const console = await session.console();
  const reply = await console.call(console.runs, console.runs.explain, { run, step, all });
  session.output.result(explanationView(reply), () => describe(reply).map(neutralise).join("\n"));
  return 0;
}

function describe({ step, state, reasons, instances, instancesLeftOut, nodes }: Explanation) {
  const left = instancesLeftOut === 0 ? [] : [`  and ${instancesLeftOut} instances more (--all)`];
  return [
    `step ${step} is ${state}`,
    ...reasons.map(({ text }) => `  ${text}`),
    ...instances.flatMap(describeInstance),
    ...left,
    ...(nodes.length === 0 ? [] : ["nodes:"]),
    ...nodes.flatMap(describeGroup),
  ];
}

function describeInstance({ instance, state, reason, queue }: InstanceReason): string[] {
  const line = `  instance ${instance} is ${state}: ${reason?.text ?? ""}`;
  if (queue === undefined) return [line];
  const { position, priority, waiting, sinceMs } = queue;
  const place = `number ${position} of its workflow at priority ${priority}`;
  return [line, `    ${place}; ${waiting} wait for the same nodes; since ${formatMoment(sinceMs)}`];
}

function describeGroup({ code, wanted, count, nodes }: NodeGroup): string[] {
  const about = wanted === "" ? code : `${code}, wanted: ${wanted}`;
  const left = count - nodes.length;
  return [
    `  ${count} ${code === "fits" ? "with room" : "ruled out"} (${about})`,
    ...nodes.map(({ node, detail }) => `    ${node}: ${detail}`),
    ...(left === 0 ? [] : [`    and ${left} more (--all)`]),
  ];
}
