import { skeleton } from "@cohort/proto/confusable";
import type { Resource } from "@cohort/proto/gen/cohort/ledger";
import type { Agent } from "@cohort/proto/resources/agent";
import type { Definitions, ResourceKind } from "@cohort/proto/resources/resources";
import type { Service } from "@cohort/proto/resources/service";
import type { Recorded } from "../state/event.ts";
import { type CompiledWorkflow, compileWorkflow } from "../workflow/compile.ts";

/** What has been applied. Versions are content hashes; a run keeps the version it started with. */
export interface Catalogue {
  /** By "kind/name", the newest version. */
  readonly current: Map<string, Resource>;
  /** By version, every one ever applied. */
  readonly versions: Map<string, Resource>;
  /** By "kind/name", each time that a version was applied, in order. */
  readonly history: Map<string, Application[]>;
  /** Workflows made ready to schedule, by version. */
  readonly compiled: Map<string, CompiledWorkflow>;
  /** By "kind/" and the name's skeleton, the name that was first. */
  readonly looks: Map<string, string>;
  /** The newest definitions by name; runs share them. */
  readonly agents: Map<string, Agent>;
}

/** A version may be applied again after others. */
export interface Application {
  readonly version: string;
  readonly appliedMs: number;
  readonly actor: string;
}

export function emptyCatalogue(): Catalogue {
  return {
    current: new Map(),
    versions: new Map(),
    history: new Map(),
    compiled: new Map(),
    looks: new Map(),
    agents: new Map(),
  };
}

export function applyCatalogue(catalogue: Catalogue, { event, atMs }: Recorded): void {
  if (event.$case !== "resourcesApplied") return;
  const { actor, resources } = event.value;
  for (const resource of resources) {
    const key = `${resource.kind}/${resource.name}`;
    const { version } = resource;
    const application = { version, appliedMs: atMs, actor };
    const before = catalogue.history.get(key);
    if (before === undefined) catalogue.history.set(key, [application]);
    else before.push(application);
    catalogue.current.set(key, resource);
    catalogue.versions.set(resource.version, resource);
    const look = `${resource.kind}/${skeleton(resource.name)}`;
    if (!catalogue.looks.has(look)) catalogue.looks.set(look, resource.name);
    if (resource.kind === "agent") catalogue.agents.set(resource.name, parse(resource, "agent"));
    if (resource.kind === "workflow") {
      catalogue.compiled.set(resource.version, compileWorkflow(parse(resource, "workflow")));
    }
  }
}

export function hasResource(catalogue: Catalogue, kind: ResourceKind, name: string): boolean {
  return catalogue.current.has(`${kind}/${name}`);
}

/** Another of the kind that the name can be taken for. One that stands may be changed whatever it looks like. */
export function lookalike(
  catalogue: Catalogue,
  kind: ResourceKind,
  name: string,
): string | undefined {
  if (hasResource(catalogue, kind, name)) return undefined;
  return catalogue.looks.get(`${kind}/${skeleton(name)}`);
}

export function resourcesOf(catalogue: Catalogue, kind: ResourceKind | null): Resource[] {
  return [...catalogue.current.values()].filter((it) => kind === null || it.kind === kind);
}

/** The newest definition, or null. */
export function definitionOf<Kind extends ResourceKind>(
  catalogue: Catalogue,
  kind: Kind,
  name: string,
): Definitions[Kind] | null {
  const resource = catalogue.current.get(`${kind}/${name}`);
  return resource === undefined ? null : parse(resource, kind);
}

/** The same object for as long as the definition stands: it is asked for with each call. Not to be changed. */
export function serviceNamed(catalogue: Catalogue, name: string): Service | null {
  const resource = catalogue.current.get(`service/${name}`);
  if (resource === undefined) return null;
  const service = services.get(resource) ?? parse(resource, "service");
  services.set(resource, service);
  return service;
}

const services = new WeakMap<Resource, Service>();

/** A version that a run or trigger names always stands: versions are never removed. */
export function workflowAt(catalogue: Catalogue, version: string): CompiledWorkflow {
  const compiled = catalogue.compiled.get(version);
  if (compiled === undefined) throw new Error(`no workflow has version ${version}`);
  return compiled;
}

function parse<Kind extends ResourceKind>(resource: Resource, _kind: Kind): Definitions[Kind] {
  return JSON.parse(resource.definitionJson) as Definitions[Kind];
}
