import type { Random } from "./random.ts";

/** What random workflows may ask of the fleet that there is. */
export interface FleetShape {
  /** Boards by zone. */
  readonly zones: Readonly<Record<string, number>>;
  /** Names of the boards. */
  readonly nodes: readonly string[];
}

export const serviceNames = ["paid", "free"] as const;

/** YAML as a person would apply it: services, a budget that runs out, workflows. */
export function randomResources(random: Random, fleet: FleetShape): string {
  const workflows = Array.from({ length: random.integer(2, 4) }, (_, at) =>
    randomWorkflow(random, `flow-${at}`, fleet),
  );
  const limit = random.pick(["0.05", "0.50", "5.00"]);
  return [service("paid", "0.01"), service("free", "0"), budget(limit), channel, ...workflows].join(
    "\n---\n",
  );
}

/** Another version of one of them. */
export function randomWorkflow(random: Random, name: string, fleet: FleetShape): string {
  const lines = [
    "kind: workflow",
    `name: ${name}`,
    "inputs:",
    "  size: { type: number, default: 1 }",
  ];
  if (random.chance(0.3)) lines.push(`share: ${random.integer(1, 5)}`);
  if (random.chance(0.2)) lines.push(`timeout: ${random.integer(10, 90)}s`);
  if (random.chance(0.3)) lines.push("budget: 0.03 USD");
  lines.push(...groupLines(random.fork(`${name}/group`)));
  lines.push(...scheduleLines(random.fork(`${name}/schedule`)));
  if (random.fork(`${name}/outputs`).chance(0.5)) {
    lines.push('outputs: { last: "${{ steps.s0.outcome }}" }');
  }
  lines.push("steps:", ...randomSteps(random, "s", random.integer(1, 6), fleet));
  if (name === "flow-0" && random.fork("children").chance(0.5)) lines.push(...childLines(random));
  for (const [key, prefix] of [
    ["on_failure", "f"],
    ["finally", "z"],
  ] as const) {
    if (!random.chance(0.2)) continue;
    lines.push(`${key}:`, ...randomSteps(random, prefix, random.integer(1, 2), fleet));
  }
  return lines.join("\n");
}

/** Runs of another workflow, one after the other or side by side. */
function childLines(random: Random): string[] {
  const many = random.chance(0.4) ? ", for_each: [1, 2], max_concurrent: 1" : "";
  return [`  - { id: child, workflow: flow-1, with: { size: 3 }${many}, retry: { limit: 1 } }`];
}

/** Some workflows share a group. */
function groupLines(random: Random): string[] {
  if (random.chance(0.5)) return [];
  const overflow = random.pick(["queue", "skip", "replace"]);
  const max = random.integer(1, 2);
  const group = random.pick(["shared", "size-${{ inputs.size }}"]);
  return [`concurrency: { group: "${group}", max: ${max}, overflow: ${overflow} }`];
}

/** The same in every version of a workflow. */
function scheduleLines(random: Random): string[] {
  if (random.chance(0.6)) return [];
  const overlap = random.pick(["skip", "queue", "allow"]);
  const catchup = random.pick(["0s", "1m", "1h"]);
  return ["on:", `  schedule: [{ cron: "* * * * *", overlap: ${overlap}, catchup: ${catchup} }]`];
}

/** The same resources with nothing that starts runs by itself, so that the runs come to an end. */
export function withoutSchedules(text: string): string {
  return text.replaceAll(/^on:\n {2}schedule: .*\n/gm, "");
}

function randomSteps(
  random: Random,
  prefix: string,
  count: number,
  fleet: FleetShape,
): readonly string[] {
  return Array.from({ length: count }, (_, at) => {
    const earlier = Array.from({ length: at }, (_, index) => `${prefix}${index}`);
    return randomStep(random, `${prefix}${at}`, earlier, fleet);
  }).flat();
}

function randomStep(
  random: Random,
  id: string,
  earlier: readonly string[],
  fleet: FleetShape,
): readonly string[] {
  const depends = earlier.filter(() => random.chance(0.45));
  const lines = [`  - id: ${id}`];
  if (depends.length > 0) lines.push(dependsLine(random, depends));
  if (random.chance(0.1)) lines.push(`    if: \${{ inputs.size > ${random.integer(1, 2)} }}`);
  if (random.chance(0.05)) return [...lines, `    sleep: ${random.integer(0, 4_000)}ms`];
  if (random.chance(0.15)) lines.push("    continue_on_failure: true");
  if (random.chance(0.7)) lines.push(retryLine(random));
  if (random.chance(0.15)) return [...lines, ...callLines(random, depends)];
  if (random.chance(0.1)) return [...lines, ...approveLines(random)];
  if (random.chance(0.1)) return [...lines, ...publishLines(random)];
  return [...lines, ...workLines(random, depends, fleet)];
}

/** All of them must end well, or a condition over how they ended. */
function dependsLine(random: Random, depends: readonly string[]): string {
  if (random.chance(0.75)) return `    depends: [${depends.join(", ")}]`;
  const terms = depends.map((id) =>
    random.pick([id, `${id}.failed`, `${id}.succeeded`, `!${id}.skipped`]),
  );
  return `    depends: ${JSON.stringify(terms.join(random.pick([" && ", " || "])))}`;
}

function retryLine(random: Random): string {
  const delay = random.integer(0, 2_000);
  const settings = [`limit: ${random.integer(1, 3)}`, `delay: ${delay}ms`];
  if (delay > 0 && random.chance(0.3)) settings.push("backoff: 2", "max_delay: 3s");
  if (random.chance(0.2)) settings.push("on: [STEP_EXIT, STEP_TIMEOUT, 1]");
  return `    retry: { ${settings.join(", ")} }`;
}

/** What runs on boards: once, on several, or an item or a combination each. */
function workLines(random: Random, depends: readonly string[], fleet: FleetShape): string[] {
  const lines = [`    timeout: ${random.integer(2, 12)}s`];
  lines.push(random.chance(0.5) ? "    run: work" : "    command: [work, now]");
  const chosen = random.chance(0.4);
  if (chosen) lines.push(nodesLine(random, fleet));
  else if (random.chance(0.25)) lines.push(...fanOutLines(random));
  // No board is smaller than what this asks for: a run must be able to end.
  if (random.chance(0.3)) lines.push(`    limits: { memory: ${random.pick([16, 40, 64])}MiB }`);
  if (random.chance(0.2)) lines.push("    requires: { cpu: 0.5, memory: 64MiB }");
  if (random.chance(0.2)) lines.push(`    priority: ${random.integer(1, 9)}`);
  if (random.chance(0.4)) {
    lines.push(`    on_disconnect: ${chosen ? "fail" : "move"}`);
    lines.push(`    lost_after: ${random.integer(1, 20)}s`);
  }
  if (random.chance(0.25)) lines.push(`    grants: { services: [${random.pick(grants)}] }`);
  if (random.fork(`cache/${lines.join()}`).chance(0.2)) {
    lines.push('    cache: { key: "size ${{ inputs.size }}", ttl: 30s }');
  }
  const [first] = depends;
  if (first !== undefined && random.chance(0.5)) {
    lines.push(
      `    with: { before: "\${{ steps.${first}.outputs }}", size: "\${{ inputs.size }}" }`,
    );
  }
  return lines;
}

const grants = ["paid", "free", "paid, free"];

function fanOutLines(random: Random): string[] {
  const lines = random.chance(0.5)
    ? [`    for_each: [${Array.from({ length: random.integer(0, 5) }, (_, at) => at).join(", ")}]`]
    : ["    matrix: { size: [1, 2], kind: [a, b] }"];
  if (random.chance(0.5)) lines.push(`    max_concurrent: ${random.integer(1, 3)}`);
  if (random.chance(0.5)) lines.push(`    fail_fast: ${random.chance(0.5)}`);
  return lines;
}

function callLines(random: Random, depends: readonly string[]): string[] {
  const [first] = depends;
  const json = first === undefined ? "{}" : `{ before: "\${{ steps.${first}.output }}" }`;
  const service = random.pick(serviceNames);
  return [`    call: { service: ${service}, method: POST, path: /items, json: ${json} }`];
}

function approveLines(random: Random): string[] {
  const asked = `prompt: "go on with \${{ inputs.size }}?", roles: [operator]`;
  const notify = random.chance(0.3) ? ", notify: [alerts]" : "";
  return [`    approve: { ${asked}, timeout: ${random.integer(2, 30)}s${notify} }`];
}

function publishLines(random: Random): string[] {
  const to = random.pick(["topic: sim/size", "channel: alerts"]);
  const payload = random.pick(["go", '{ size: "${{ inputs.size }}" }']);
  return [`    timeout: ${random.integer(2, 30)}s`, `    publish: { ${to}, payload: ${payload} }`];
}

const channel = "kind: channel\nname: alerts\nmqtt: { topic: sim/alerts }";

function nodesLine(random: Random, { zones }: FleetShape): string {
  const [zone, boards] = random.pick(Object.entries(zones));
  const count = random.chance(0.3) ? "all" : random.integer(1, boards);
  const settings = [`select: 'node.labels.zone == "${zone}"'`, `count: ${count}`];
  if (count === "all" && random.chance(0.5)) settings.push("late_joiners: true");
  if (count !== 1 && random.chance(0.5)) {
    const tolerant = count === "all" || count > 1 ? ["quorum: 50%", "max_failures: 1"] : [];
    settings.push(random.pick([...tolerant, "max_concurrent: 1"]));
  }
  return `    nodes: { ${settings.join(", ")} }`;
}

function service(name: string, price: string): string {
  return [
    "kind: service",
    `name: ${name}`,
    `base_url: https://${name}.example.com`,
    "auth: { type: none }",
    "allow: [{ methods: [GET, POST], path: /items }]",
    `pricing: { per_call: ${price} USD }`,
  ].join("\n");
}

function budget(limit: string): string {
  return `kind: budget\nname: all\nscope: mesh\nwindow: day\nlimit: ${limit} USD`;
}
