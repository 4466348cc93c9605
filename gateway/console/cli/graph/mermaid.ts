import type { GraphReply, GraphStep } from "@cohort/proto/gen/cohort/console";
import { shorten } from "../text.ts";

/**
 * A workflow's graph as a Mermaid flowchart. What people wrote stands in quoted labels only, with
 * every character that Mermaid or a page could take for its own as an entity; identifiers are ours.
 */
export function mermaid({ workflow, steps }: GraphReply): string {
  const phases = [...new Set(steps.map(({ phase }) => phase))];
  const nodes = new Map(steps.map(({ step }, at) => [step, `s${at}`]));
  return [
    "---",
    `title: "${quoted(workflow)}"`,
    "---",
    "flowchart TD",
    ...phases.flatMap((phase, at) => [
      `  subgraph p${at}["${quoted(phase)}"]`,
      ...steps.filter((it) => it.phase === phase).map((it) => `    ${nodeLine(it, nodes)}`),
      "  end",
    ]),
    ...steps.flatMap((it) => edges(it, nodes)),
    ...phases.slice(1).map((_, at) => `  p${at} ==> p${at + 1}`),
  ].join("\n");
}

type Nodes = ReadonlyMap<string, string>;

function nodeLine(it: GraphStep, nodes: Nodes): string {
  const lines = [
    it.step,
    [it.kind, it.instances].filter((part) => part !== "").join(", "),
    ...(it.dependsCondition === "" ? [] : [`when ${it.dependsCondition}`]),
    ...(it.condition === "" ? [] : [`if ${it.condition}`]),
  ];
  return `${nodes.get(it.step)}["${lines.map(label).join("<br/>")}"]`;
}

/** Dotted where how the earlier step must end is said by a condition. */
function edges({ step, depends, dependsCondition }: GraphStep, nodes: Nodes): string[] {
  const arrow = dependsCondition === "" ? "-->" : "-.->";
  return depends.map((id) => `  ${nodes.get(id)} ${arrow} ${nodes.get(step)}`);
}

function label(text: string): string {
  return quoted(shorten(text, labelLengthMax));
}

function quoted(text: string): string {
  return text.replace(/[^A-Za-z0-9 _.,-]/gu, (character) => `#${character.codePointAt(0)};`);
}

const labelLengthMax = 80;
