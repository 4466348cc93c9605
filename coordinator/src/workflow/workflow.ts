import { type Problem, problem } from "@cohort/proto/problem";
import type { Agent } from "@cohort/proto/resources/agent";
import type { Budget } from "@cohort/proto/resources/budget";
import type { Channel } from "@cohort/proto/resources/channel";
import type { ResourceKind } from "@cohort/proto/resources/resources";
import type { Service } from "@cohort/proto/resources/service";
import { allSteps, kindOf, type Workflow } from "@cohort/proto/resources/workflow";
import { withCertificates } from "./certificates.ts";
import { agentProblems, agentStepProblems } from "./check-agents.ts";
import { channelProblems } from "./check-channels.ts";
import { lookalikeProblems } from "./check-names.ts";
import { subworkflowProblems, type Workflows } from "./check-subworkflows.ts";
import { checkWorkflow } from "./check-workflow.ts";
import { suggest } from "./nearest.ts";
import { type Parsed, parseResource } from "./parse-resource.ts";
import { readSources, type Source, type SourceFile } from "./source.ts";

export type Resource =
  | { readonly kind: "workflow"; readonly definition: Workflow; readonly source: Source }
  | { readonly kind: "agent"; readonly definition: Agent; readonly source: Source }
  | { readonly kind: "service"; readonly definition: Service; readonly source: Source }
  | { readonly kind: "budget"; readonly definition: Budget; readonly source: Source }
  | { readonly kind: "channel"; readonly definition: Channel; readonly source: Source };

export interface Checked {
  readonly resources: readonly Resource[];
  /** Empty when all is well; otherwise everything that is wrong, and nothing may be applied. */
  readonly problems: readonly Problem[];
}

/**
 * From text to checked resources: YAML, schema, graph, expressions, references. Pure. `known` names
 * the resources that stand already, `standing` gives the workflows among them, `lookalike` another's name that one can be taken for. Files that are not YAML (*.pem) serve as what others refer to.
 */
export function checkSources(
  files: readonly SourceFile[],
  known: (kind: ResourceKind, name: string) => boolean,
  standing: (workflow: string) => Workflow | null = () => null,
  lookalike: (kind: ResourceKind, name: string) => string | undefined = () => undefined,
): Checked {
  const problems: Problem[] = [];
  const parsed: Parsed[] = [];
  for (const file of files.filter((it) => /\.ya?ml$/.test(it.path))) {
    const read = readSources(file);
    problems.push(...read.problems);
    for (const source of read.sources) {
      const result = parseResource(source);
      if (Array.isArray(result)) problems.push(...result);
      else parsed.push(result);
    }
  }
  problems.push(...duplicateProblems(parsed));
  problems.push(...lookalikeProblems(parsed, lookalike));
  const services = new Set(
    parsed.filter((it) => it.kind === "service").map((it) => it.definition.name),
  );
  const hasService = (name: string) => services.has(name) || known("service", name);
  const definitions = new Map(
    parsed.flatMap((it) => (it.kind === "workflow" ? [[it.definition.name, it.definition]] : [])),
  );
  const workflows: Workflows = {
    names: [...definitions.keys()],
    find: (name) => definitions.get(name) ?? standing(name),
    exists: (name) => definitions.has(name) || known("workflow", name),
  };
  const channels = new Set(
    parsed.filter((it) => it.kind === "channel").map((it) => it.definition.name),
  );
  const hasChannel = (name: string) => channels.has(name) || known("channel", name);
  const agents = new Set(
    parsed.filter((it) => it.kind === "agent").map((it) => it.definition.name),
  );
  const hasAgent = (name: string) => agents.has(name) || known("agent", name);
  const resources = parsed.flatMap((it): Resource[] => {
    if (it.kind === "workflow") {
      problems.push(...checkWorkflow(it.definition, it.source));
      problems.push(...subworkflowProblems(it, workflows));
      problems.push(...serviceProblems(it.definition, it.source, hasService, [...services]));
      problems.push(...channelProblems(it.definition, it.source, hasChannel, [...channels]));
      const near = [...agents];
      problems.push(...agentStepProblems(it.definition, it.source, { exists: hasAgent, near }));
      return [it];
    }
    if (it.kind === "channel") return [it];
    if (it.kind === "agent") {
      const near = [...services];
      problems.push(...agentProblems(it.definition, it.source, { exists: hasService, near }));
      return [it];
    }
    if (it.kind === "budget") {
      problems.push(...scopeProblems(it.definition, it.source, workflows.exists, hasAgent));
      return [it];
    }
    const definition = withCertificates(it.definition, it.source, files);
    if (!("code" in definition)) return [{ kind: "service", definition, source: it.source }];
    problems.push(definition);
    return [];
  });
  if (parsed.length === 0 && problems.length === 0) {
    problems.push(
      problem("RESOURCE_INVALID", "there is no resource in what was given", {
        hint: "Name a file or folder of *.yaml.",
      }),
    );
  }
  return { resources, problems };
}

function duplicateProblems(parsed: readonly Parsed[]): Problem[] {
  const seen = new Map<string, Source>();
  return parsed.flatMap(({ kind, definition, source }) => {
    const key = `${kind} ${definition.name}`;
    const first = seen.get(key);
    seen.set(key, source);
    if (first === undefined) return [];
    const message = `${key} is defined in ${first.file.path} too`;
    return [source.problemAt(["name"], "RESOURCE_DUPLICATE", message)];
  });
}

function serviceProblems(
  workflow: Workflow,
  source: Source,
  exists: (name: string) => boolean,
  near: readonly string[],
): Problem[] {
  const unknown = (name: string, path: (string | number)[]) =>
    exists(name)
      ? []
      : [
          source.problemAt(
            path,
            "RESOURCE_REFERENCE_UNKNOWN",
            `no service is called "${name}"`,
            suggest(name, near),
          ),
        ];
  return allSteps(workflow).flatMap(({ phase, at, step }) => [
    ...(kindOf(step) === "call"
      ? unknown(step.call?.service ?? "", [phase, at, "call", "service"])
      : []),
    ...step.grants.services.flatMap((name, index) =>
      unknown(name, [phase, at, "grants", "services", index]),
    ),
  ]);
}

function scopeProblems(
  budget: Budget,
  source: Source,
  hasWorkflow: (name: string) => boolean,
  hasAgent: (name: string) => boolean,
): Problem[] {
  const [kind, name = ""] = budget.scope.split("/");
  if (kind !== "workflow" && kind !== "agent") return [];
  if (kind === "workflow" ? hasWorkflow(name) : hasAgent(name)) return [];
  return [
    source.problemAt(["scope"], "RESOURCE_REFERENCE_UNKNOWN", `no ${kind} is called "${name}"`),
  ];
}
