import { lookalikeHint, lookalikeOf } from "@cohort/proto/confusable";
import type { Problem } from "@cohort/proto/problem";
import type { Agent, AgentTool } from "@cohort/proto/resources/agent";
import { allSteps, type Workflow } from "@cohort/proto/resources/workflow";
import { suggest } from "./nearest.ts";
import type { Path, Source } from "./source.ts";

/** Resources of one kind: whether one stands or is applied now, and names that may have been meant. */
export interface Known {
  exists(name: string): boolean;
  readonly near: readonly string[];
}

/** What an agent's schema cannot say: its services, and what its tools do with their arguments. */
export function agentProblems(agent: Agent, source: Source, services: Known): Problem[] {
  const names = agent.tools.map(({ name }) => name);
  return [
    ...unknown("service", agent.service, ["service"], source, services),
    ...(["instructions", "path"] as const)
      .filter((key) => agent[key].includes("${{"))
      .map((key) => expressionProblem(source, [key], `${key} can hold no expression`)),
    ...agent.tools.flatMap((tool, at) => [
      ...(names.indexOf(tool.name) === at
        ? []
        : [
            source.problemAt(
              ["tools", at, "name"],
              "RESOURCE_INVALID",
              "another tool is called so",
            ),
          ]),
      ...lookalikeTool(names, at, source),
      ...unknown("service", tool.call.service, ["tools", at, "call", "service"], source, services),
      ...toolProblems(tool, ["tools", at], source),
    ]),
  ];
}

/** A model, or who reads what it asks for, is not to mistake one tool for another. */
function lookalikeTool(names: readonly string[], at: number, source: Source): Problem[] {
  const name = names[at] as string;
  const other = lookalikeOf(name, names.slice(0, at));
  if (other === undefined) return [];
  const message = `${name} can be taken for the tool ${other}`;
  return [source.problemAt(["tools", at, "name"], "NAME_CONFUSABLE", message, lookalikeHint)];
}

/** Agents that steps ask and that nobody has defined. */
export function agentStepProblems(workflow: Workflow, source: Source, agents: Known): Problem[] {
  return allSteps(workflow).flatMap(({ phase, at, step: { agent } }) =>
    agent === undefined ? [] : unknown("agent", agent, [phase, at, "agent"], source, agents),
  );
}

function unknown(kind: string, name: string, path: Path, source: Source, known: Known): Problem[] {
  if (known.exists(name)) return [];
  const message = `no ${kind} is called "${name}"`;
  const hint = suggest(name, known.near);
  return [source.problemAt(path, "RESOURCE_REFERENCE_UNKNOWN", message, hint)];
}

function toolProblems({ parameters, call }: AgentTool, place: Path, source: Source): Problem[] {
  const names = Object.keys(parameters.properties);
  const noArgument = (name: string, path: Path) =>
    source.problemAt(
      [...place, ...path],
      "EXPRESSION_INVALID",
      `the tool has no argument "${name}"`,
      suggest(name, names),
    );
  const required = parameters.required.flatMap((name, at) =>
    names.includes(name) ? [] : [noArgument(name, ["parameters", "required", at])],
  );
  const texts = [
    { path: ["call", "path"], text: call.path },
    ...textsOf(call.json, ["call", "json"]),
  ];
  const references = texts.flatMap(({ path, text }) => [
    ...(text.replace(argument, "").includes("${{")
      ? [
          expressionProblem(
            source,
            [...place, ...path],
            "only whole `${{ args.NAME }}` may stand here",
          ),
        ]
      : []),
    ...[...text.matchAll(argument)].flatMap(([, name = ""]) =>
      names.includes(name) ? [] : [noArgument(name, path)],
    ),
  ]);
  const optional = [...call.path.matchAll(argument)].flatMap(([, name = ""]) => {
    if (!names.includes(name) || parameters.required.includes(name)) return [];
    const message = `the path needs the argument "${name}", which may be left out`;
    const hint = `Name it in \`parameters.required\`.`;
    const path = [...place, "call", "path"];
    return [source.problemAt(path, "EXPRESSION_INVALID", message, hint)];
  });
  return [...required, ...references, ...optional];
}

/** The loop on the board replaces these and evaluates nothing. */
const argument = /\$\{\{\s*args\.(\w+)\s*\}\}/g;

function expressionProblem(source: Source, path: Path, message: string): Problem {
  const hint = "Values of a run come by the step's `prompt` and `with`.";
  return source.problemAt(path, "EXPRESSION_INVALID", message, hint);
}

function textsOf(value: unknown, path: Path): { path: Path; text: string }[] {
  if (typeof value === "string") return [{ path, text: value }];
  if (value === null || typeof value !== "object") return [];
  const entries = Array.isArray(value) ? value.entries() : Object.entries(value);
  return [...entries].flatMap(([key, it]) => textsOf(it, [...path, key]));
}
