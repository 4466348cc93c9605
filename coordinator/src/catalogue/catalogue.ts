import type { Resource } from "@cohort/proto/gen/cohort/ledger";
import type { Definitions, ResourceKind } from "@cohort/proto/resources/resources";
import type { Recorded } from "../state/event.ts";
import { type CompiledWorkflow, compileWorkflow } from "../workflow/compile.ts";

/** What has been applied. Versions are content hashes; a run keeps the version it started with. */
export interface Catalogue {
  /** By "kind/name", the newest version. */
  readonly current: Map<string, Resource>;
  /** By version, every one ever applied. */
  readonly versions: Map<string, Resource>;
  /** Workflows made ready to schedule, by version. */
  readonly compiled: Map<string, CompiledWorkflow>;
}

export function emptyCatalogue(): Catalogue {
  return { current: new Map(), versions: new Map(), compiled: new Map() };
}

export function applyCatalogue(catalogue: Catalogue, { event }: Recorded): void {
  if (event.$case !== "resourcesApplied") return;
  for (const resource of event.value.resources) {
    catalogue.current.set(`${resource.kind}/${resource.name}`, resource);
    catalogue.versions.set(resource.version, resource);
    if (resource.kind === "workflow") {
      catalogue.compiled.set(resource.version, compileWorkflow(parse(resource, "workflow")));
    }
  }
}

export function hasResource(catalogue: Catalogue, kind: ResourceKind, name: string): boolean {
  return catalogue.current.has(`${kind}/${name}`);
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

/** A version that a run or trigger names always stands: versions are never removed. */
export function workflowAt(catalogue: Catalogue, version: string): CompiledWorkflow {
  const compiled = catalogue.compiled.get(version);
  if (compiled === undefined) throw new Error(`no workflow has version ${version}`);
  return compiled;
}

function parse<Kind extends ResourceKind>(resource: Resource, _kind: Kind): Definitions[Kind] {
  return JSON.parse(resource.definitionJson) as Definitions[Kind];
}
