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
  return [service("paid", "0.01"), service("free", "0"), budget(limit), ...workflows].join(
    "\n---\n",
  );
}

/** Another version of one of them. */
export function randomWorkflow(random: Random, name: string, fleet: FleetShape): string {
  const count = random.integer(1, 6);
  const steps = Array.from({ length: count }, (_, at) => randomStep(random, at, fleet));
  const lines = [
    "kind: workflow",
    `name: ${name}`,
    "inputs:",
    "  size: { type: number, default: 1 }",
  ];
  if (random.chance(0.2)) lines.push(`timeout: ${random.integer(10, 90)}s`);
  if (random.chance(0.3)) lines.push("budget: 0.03 USD");
  return [...lines, "steps:", ...steps.flat()].join("\n");
}

function randomStep(random: Random, at: number, fleet: FleetShape): string[] {
  const earlier = Array.from({ length: at }, (_, index) => `s${index}`);
  const depends = earlier.filter(() => random.chance(0.45));
  const lines = [`  - id: s${at}`];
  if (depends.length > 0) lines.push(`    depends: [${depends.join(", ")}]`);
  if (random.chance(0.7)) {
    lines.push(
      `    retry: { limit: ${random.integer(1, 3)}, delay: ${random.integer(0, 2_000)}ms }`,
    );
  }
  if (random.chance(0.15)) return [...lines, ...callLines(random, depends)];
  if (random.chance(0.1)) return [...lines, ...approveLines(random)];
  lines.push(`    timeout: ${random.integer(2, 12)}s`);
  lines.push(random.chance(0.5) ? "    run: work" : "    command: [work, now]");
  const chosen = random.chance(0.4);
  if (chosen) lines.push(nodesLine(random, fleet));
  if (random.chance(0.4)) {
    lines.push(`    on_disconnect: ${chosen ? "fail" : "move"}`);
    lines.push(`    lost_after: ${random.integer(1, 20)}s`);
  }
  if (random.chance(0.25)) lines.push(`    grants: { services: [${random.pick(grants)}] }`);
  const [first] = depends;
  if (first !== undefined && random.chance(0.5)) {
    lines.push(
      `    with: { before: "\${{ steps.${first}.outputs }}", size: "\${{ inputs.size }}" }`,
    );
  }
  return lines;
}

const grants = ["paid", "free", "paid, free"];

function callLines(random: Random, depends: readonly string[]): string[] {
  const [first] = depends;
  const json = first === undefined ? "{}" : `{ before: "\${{ steps.${first}.output }}" }`;
  const service = random.pick(serviceNames);
  return [`    call: { service: ${service}, method: POST, path: /items, json: ${json} }`];
}

function approveLines(random: Random): string[] {
  const asked = `prompt: "go on with \${{ inputs.size }}?", roles: [operator]`;
  return [`    approve: { ${asked}, timeout: ${random.integer(2, 30)}s }`];
}

function nodesLine(random: Random, { zones }: FleetShape): string {
  const [zone, boards] = random.pick(Object.entries(zones));
  const count = random.chance(0.3) ? "all" : random.integer(1, boards);
  return `    nodes: { select: 'node.labels.zone == "${zone}"', count: ${count} }`;
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
