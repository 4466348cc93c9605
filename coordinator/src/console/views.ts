import {
  type Approval,
  Explanation as ExplanationReply,
  type ListApprovalsReply,
  type ListNodesReply,
  type ListSchedulesReply,
  Node,
  type NodeDevice,
} from "@cohort/proto/gen/cohort/console";
import type { Role } from "@cohort/proto/roles";
import { type Cursor, cursorsOf, type Schedules } from "../cron/schedules.ts";
import type { Bar, EnrolledNode, FleetNode } from "../fleet/fleet.ts";
import type { Explanation } from "../scheduler/explain.ts";
import { type Instance, keyOf, type Question, type Run } from "../scheduler/runs.ts";
import type { State } from "../state/state.ts";

/** The state as the console API shows it. */

/** `workflow`: "" for all. */
export function schedulesView(schedules: Schedules, workflow: string): ListSchedulesReply {
  const names = [...schedules.byWorkflow.keys()].filter((it) => workflow === "" || it === workflow);
  return {
    schedules: names.sort().flatMap((name) => cursorsOf(schedules, name).map(scheduleView)),
  };
}

function scheduleView({ workflow, trigger, nextMs, waitingMs, last }: Cursor) {
  const { cron, timezone, overlap, catchup } = trigger;
  return {
    workflow,
    cron,
    timezone,
    overlap,
    catchupMs: catchup,
    dueMs: nextMs,
    waitingMs,
    lastDueMs: last?.dueMs ?? 0,
    lastOutcome: last?.outcome ?? "",
    lastRun: last?.run ?? "",
    lastReason: last?.reason ?? "",
  };
}

export function nodesView(state: State, seenMs: (node: string) => number): ListNodesReply {
  const nodes = [...state.fleet.nodes.values()].sort((a, b) => (a.node < b.node ? -1 : 1));
  return { nodes: nodes.map((node) => nodeView(state, node, seenMs(node.node))) };
}

export function nodeView(state: State, node: FleetNode, seenMs: number): Node {
  return Node.fromPartial({
    node: node.node,
    state: node.state === "invited" || node.bar === null ? node.state : barStates[node.bar.code],
    labels: { ...node.labels },
    ...(node.facts === undefined ? {} : { facts: node.facts }),
    seenMs,
    running: state.runs.onNode.get(node.node)?.size ?? 0,
    slotsMax: node.state === "invited" ? 0 : node.slotsMax,
    ...(node.state === "invited" || node.cordon === null ? {} : { cordon: { ...node.cordon } }),
    ...(node.state === "invited" || node.bar === null ? {} : { bar: { ...node.bar } }),
    ...(node.state === "invited" ? {} : { keys: keysView(node) }),
    deviceGrants: node.state === "invited" ? [] : deviceGrantsView(node),
  });
}

function keysView({ keys, keysSinceMs, rotationAsked, former }: EnrolledNode) {
  return {
    ...keys,
    sinceMs: keysSinceMs,
    rotationAsked,
    former: former !== null,
    formerUntilMs: former?.untilMs ?? 0,
  };
}

const barStates: Readonly<Record<Bar["code"], string>> = {
  NODE_REVOKED: "revoked",
  NODE_QUARANTINED: "quarantined",
};

function deviceGrantsView({ devices }: EnrolledNode): NodeDevice[] {
  return [...devices]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([device, { actuates, lines, requireApproval, actor, sinceMs }]) => {
      const access = actuates ? "actuate" : "read";
      return { grant: { device, access, lines: [...lines] }, requireApproval, actor, sinceMs };
    });
}

/** What waits for a decision: all for an operator, else what the role may decide. `run` "" for all. */
export function approvalsView({ runs }: State, run: string, role: Role): ListApprovalsReply {
  const approvals: Approval[] = [];
  for (const [instance, question] of runs.asked) {
    if (approvals.length === approvalsListedMax) break;
    if (run !== "" && instance.run !== run) continue;
    if (role !== "operator" && !question.roles.includes(role)) continue;
    approvals.push(approvalView(runs.byId.get(instance.run) as Run, instance, question));
  }
  return { approvals };
}

/** With prompts as long as they may be these fit one message. */
const approvalsListedMax = 500;

function approvalView({ workflow }: Run, instance: Instance, question: Question): Approval {
  const { prompt, roles } = question;
  return {
    attempt: keyOf(instance),
    workflow,
    prompt,
    roles: [...roles],
    sinceMs: instance.scheduledMs,
    untilMs: instance.dueMs,
  };
}

export function explanationView(explanation: Explanation): ExplanationReply {
  const instances = explanation.instances.map(({ queue, ...it }) => ({
    ...it,
    ...(queue === null ? {} : { queue }),
  }));
  return ExplanationReply.fromPartial({
    ...explanation,
    reasons: [...explanation.reasons],
    instances,
    nodes: explanation.nodes.map((it) => ({ ...it, nodes: [...it.nodes] })),
  });
}
