import type { Node, NodeKeys } from "@cohort/proto/gen/cohort/console";
import { refuse } from "@cohort/proto/problem";
import { neutralise } from "@cohort/proto/text";
import { formatMoment } from "../moments.ts";
import type { Session } from "../session.ts";
import { nodeView } from "../views.ts";
import { describeCordon } from "./cordon.ts";
import { describeGrant } from "./device-grant.ts";

/** Every node that was invited or enrolled. */
export async function listNodes(session: Session): Promise<number> {
  const { output } = session;
  const console = await session.console();
  const { nodes } = await console.call(console.nodes, console.nodes.list, {});
  output.result({ nodes: nodes.map(nodeView) }, () =>
    output.table(
      ["NODE", "STATE", "VERSION", "ARCH", "ISOLATION", "RUNNING", "CORDON", "SEEN", "LABELS"],
      nodes.map((it) => [
        it.node,
        output.state(it.state),
        it.facts?.version || "-",
        it.facts?.arch || "-",
        it.facts?.isolation || "-",
        describeRunning(it),
        describeCordon(it.cordon),
        formatMoment(it.seenMs),
        describeLabels(it),
      ]),
    ),
  );
  return 0;
}

/** All that is known of one node. */
export async function showNode(session: Session, name: string): Promise<number> {
  const console = await session.console();
  const { nodes } = await console.call(console.nodes, console.nodes.list, {});
  const node = nodes.find((it) => it.node === name);
  if (node === undefined) throw refuse("NODE_UNKNOWN", `no node is called ${name}`);
  session.output.result(nodeView(node), () => {
    const width = Math.max(...rowsOf(node).map(([title]) => title.length));
    const lines = rowsOf(node).map(([title, text]) => `${title.padEnd(width)}  ${text}`);
    return lines.map(neutralise).join("\n");
  });
  return 0;
}

/** Changes labels: `name=value` sets one, `name-` removes it. */
export async function labelNode(
  session: Session,
  node: string,
  changes: readonly string[],
): Promise<number> {
  const removals = changes.filter((it) => /^[^=]+-$/.test(it)).map((it) => it.slice(0, -1));
  const settings = changes.filter((it) => !/^[^=]+-$/.test(it)).map(parseLabel);
  const set = Object.fromEntries(settings);
  if (new Set([...removals, ...Object.keys(set)]).size < changes.length) {
    throw refuse("USAGE", "a label is named twice");
  }
  const console = await session.console();
  const request = { node, set, remove: removals };
  const { changed } = await console.call(console.nodes, console.nodes.label, request);
  session.output.result({ node, changed }, () =>
    changed ? `${node} is labelled anew` : `${node} had these labels already`,
  );
  return 0;
}

function rowsOf(it: Node): [string, string][] {
  const { facts } = it;
  const rows: [string, string][] = [
    ["node", it.node],
    ["state", it.state],
    ...barRows(it),
    ["keys", describeKeys(it.keys)],
    ["seen", formatMoment(it.seenMs)],
    ["running", describeRunning(it)],
    ["cordon", describeCordon(it.cordon)],
    ["labels", describeLabels(it) || "-"],
    ...it.deviceGrants.map((grant) => ["granted", describeGrant(grant)] as [string, string]),
  ];
  if (facts === undefined || facts.version === "") return rows;
  const { temperatureCelsius: celsius, diskBytes, diskFreeBytes } = facts;
  return [
    ...rows,
    ["version", facts.version],
    ["isolation", facts.isolation],
    ["machine", `${facts.hostname}, ${facts.arch}, kernel ${facts.kernel}`],
    ["slots", String(facts.slots)],
    ["cores", String(facts.cores)],
    ["memory", mebibytes(facts.memoryBytes)],
    ["disk", `${mebibytes(diskFreeBytes)} free of ${mebibytes(diskBytes)}`],
    ["temperature", celsius === undefined ? "-" : `${celsius} °C`],
    ["devices", facts.devices.join(" ") || "-"],
    ["models", facts.models.join(" ") || "-"],
  ];
}

function describeKeys(keys: NodeKeys | undefined): string {
  if (keys === undefined) return "-";
  const since = `since ${formatMoment(keys.sinceMs)}`;
  if (keys.rotationAsked) return `${since}, asked for others`;
  if (!keys.former) return since;
  if (keys.formerUntilMs === 0) return `${since}, and those before until these were used`;
  return `${since}, and those before until ${formatMoment(keys.formerUntilMs)}`;
}

/** Why the node is kept out, and what may be done about it. */
function barRows({ node, bar }: Node): [string, string][] {
  if (bar === undefined) return [];
  const { reason, actor, sinceMs } = bar;
  const who = actor === "" ? "" : `by ${actor} `;
  const because = reason === "" ? "" : `: ${reason}`;
  return [
    ["kept out", `${who}since ${formatMoment(sinceMs)}${because}`],
    ["remedy", `remove the agent's data on the board, then: cohort node invite --name ${node}`],
  ];
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 1024 ** 2)} MiB`;
}

function describeRunning({ running, slotsMax }: Node): string {
  return slotsMax === 0 ? String(running) : `${running} (${slotsMax} at most)`;
}

function describeLabels({ labels }: Node): string {
  const entries = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([key, value]) => `${key}=${value}`).join(" ");
}

/** Prints the one line to paste on the board, and nothing else, on stdout. */
export async function inviteNode(
  session: Session,
  options: { readonly name: string; readonly label: readonly string[]; readonly data: string },
): Promise<number> {
  const labels = Object.fromEntries(options.label.map(parseLabel));
  if (!/^\/[\w./-]*$/.test(options.data)) {
    throw refuse("USAGE", `${options.data} is no absolute path of plain characters`);
  }
  const console = await session.console();
  const request = { name: options.name, labels };
  const reply = await console.call(console.nodes, console.nodes.invite, request);
  const { joinToken, expiresMs } = reply;
  const line = joinLine(neutralise(joinToken), options.data);
  session.output.result({ join_token: joinToken, line, expires_ms: expiresMs }, () => line);
  if (session.output.format === "table") {
    session.output.progress(`Paste it on the board, once, until ${formatMoment(expiresMs)}.`);
  }
  return 0;
}

/**
 * For any POSIX shell. `printf` is built into each of them, so that no list of processes ever shows
 * the token.
 */
function joinLine(token: string, data: string): string {
  return `printf '%s\\n' '${token}' | cohort-agent join - --data ${data}`;
}

function parseLabel(argument: string): [string, string] {
  const at = argument.indexOf("=");
  if (at < 1) throw refuse("USAGE", `${argument} is not key=value`);
  return [argument.slice(0, at), argument.slice(at + 1)];
}
