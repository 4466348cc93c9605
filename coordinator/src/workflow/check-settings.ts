import type { Problem } from "@cohort/proto/problem";
import {
  isFannedOut,
  ownKinds,
  type StepKind,
  type WorkflowStep,
} from "@cohort/proto/resources/workflow";
import type { Path, Source } from "./source.ts";

/** Settings that would do nothing beside the step's other settings. */
export function uselessSettingProblems(
  source: Source,
  place: Path,
  step: WorkflowStep,
  kind: StepKind,
): Problem[] {
  return [
    ...retrySettings(step, kind),
    ...fanOutSettings(step),
    ...nodeSettings(step),
    ...lossSettings(step),
    ...publishSettings(step),
    ...budgetSettings(step, kind),
    ...outputSettings(step, kind),
    ...cacheSettings(step),
  ]
    .filter(({ useless }) => useless)
    .map(({ path, why }) => {
      const key = path.at(-1) as string;
      const message = `"${key}" means nothing here: ${why}`;
      return source.problemAtKey(
        [...place, ...path.slice(0, -1)],
        key,
        "RESOURCE_KEY_UNKNOWN",
        message,
      );
    });
}

interface Setting {
  readonly path: readonly string[];
  readonly useless: boolean;
  readonly why: string;
}

function retrySettings({ retry, nodes }: WorkflowStep, kind: StepKind): Setting[] {
  if (retry === undefined) return [];
  const grows = retry.backoff > 1;
  return [
    {
      path: ["retry", "backoff"],
      useless: grows && retry.delay === 0,
      why: "there is no `delay` that could grow",
    },
    {
      path: ["retry", "max_delay"],
      useless: retry.max_delay !== undefined && !grows,
      why: "without `backoff` the delay does not grow",
    },
    {
      path: ["retry", "move"],
      useless: retry.move && (ownKinds.includes(kind) || (nodes?.count ?? 1) !== 1),
      why: ownKinds.includes(kind)
        ? "the step runs on no node"
        : "each instance belongs to its node when `count` is not 1",
    },
    {
      path: ["retry", "on"],
      useless: retry.on?.includes("APPROVAL_DENIED") === true,
      why: "what a person refused is not asked again",
    },
  ];
}

function fanOutSettings(step: WorkflowStep): Setting[] {
  const { max_concurrent: concurrent, fail_fast: failFast, nodes } = step;
  if (concurrent === undefined && failFast === undefined && nodes === undefined) return [];
  const fannedOut = isFannedOut(step);
  const why = "there is neither `for_each` nor `matrix`";
  return [
    { path: ["max_concurrent"], useless: concurrent !== undefined && !fannedOut, why },
    { path: ["fail_fast"], useless: failFast !== undefined && !fannedOut, why },
    {
      path: ["nodes", "count"],
      useless: fannedOut && (nodes?.count ?? 1) !== 1,
      why: "each item or combination runs on one node",
    },
  ];
}

function nodeSettings({ nodes }: WorkflowStep): Setting[] {
  if (nodes === undefined) return [];
  const { count, quorum, max_failures: failures } = nodes;
  const keys = ["max_concurrent", "quorum", "max_failures", "spread"] as const;
  const single = count === 1;
  const beyond = (least: number) => typeof count === "number" && !single && least > count;
  return [
    ...keys.map((key) => ({
      path: ["nodes", key],
      useless: single && nodes[key] !== undefined,
      why: "the step has one node; `count` may ask for more",
    })),
    {
      path: ["nodes", "quorum"],
      useless: typeof quorum === "number" && beyond(quorum),
      why: `there are ${count} nodes`,
    },
    {
      path: ["nodes", "max_failures"],
      useless: failures !== undefined && beyond(failures + 1),
      why: `there are ${count} nodes`,
    },
    {
      path: ["nodes", "late_joiners"],
      useless: nodes.late_joiners && count !== "all",
      why: "`count` is not `all`",
    },
    {
      path: ["nodes", "spread"],
      useless: nodes.spread !== undefined && count === "all",
      why: "all nodes are chosen",
    },
  ];
}

function lossSettings({ on_disconnect: then, lost_after: after, nodes }: WorkflowStep): Setting[] {
  if (after === undefined && then !== "move") return [];
  return [
    {
      path: ["lost_after"],
      useless: after !== undefined && then === "wait",
      why: "without `on_disconnect` the step waits for its node as long as it takes",
    },
    {
      path: ["on_disconnect"],
      useless: then === "move" && (nodes?.count ?? 1) !== 1,
      why: "an instance cannot move from its node when `count` is not 1",
    },
  ];
}

/** Methods of calls that change nothing: RFC 9110, section 9.2.1. */
const safeMethods = ["GET", "HEAD"];

function cacheSettings({ cache, call }: WorkflowStep): Setting[] {
  if (cache === undefined) return [];
  const changes = call !== undefined && !safeMethods.includes(call.method);
  return [
    {
      path: ["cache"],
      useless: changes && !cache.side_effects,
      why: `a ${call?.method} may change something, so it is not left out without \`side_effects: true\``,
    },
    {
      path: ["cache", "side_effects"],
      useless: cache.side_effects && !changes,
      why: "it is for calls by POST, PUT, PATCH and DELETE",
    },
  ];
}

function outputSettings({ outputs }: WorkflowStep, kind: StepKind): Setting[] {
  if (outputs === undefined) return [];
  const { from, path } = outputs;
  const returned = kind === "script" || kind === "agent";
  const why =
    kind === "agent"
      ? "an agent's output is its answer"
      : "a script's output is what its function returns";
  return [
    { path: ["outputs", "from"], useless: returned && from === "stdout", why },
    {
      path: ["outputs", "path"],
      useless: path !== undefined && (returned || from === "stdout"),
      why: returned ? why : "the output is what the step writes to stdout",
    },
  ];
}

function publishSettings({ publish }: WorkflowStep): Setting[] {
  if (publish?.channel === undefined) return [];
  const why = "the channel says it for itself";
  return (["qos", "retain"] as const).map((key) => ({
    path: ["publish", key],
    useless: publish[key] !== undefined,
    why,
  }));
}

function budgetSettings({ budget, grants }: WorkflowStep, kind: StepKind): Setting[] {
  if (budget === undefined) return [];
  const spends = ownKinds.includes(kind) || kind === "agent" || grants.services.length > 0;
  const why = "the step was granted no service that it could spend on";
  return [{ path: ["budget"], useless: !spends, why }];
}
