import { type ResourcesServer, ResourcesService } from "@cohort/proto/gen/cohort/console";
import { refuse } from "@cohort/proto/problem";
import { isResourceKind } from "@cohort/proto/resources/resources";
import { applySources } from "../catalogue/apply.ts";
import { resourcesOf } from "../catalogue/catalogue.ts";
import { definitionText } from "../catalogue/definition-text.ts";
import { graphOfFiles, graphOfVersion } from "../catalogue/graph-view.ts";
import { rollBack } from "../catalogue/rollback.ts";
import { applicationsOf, versionOf } from "../catalogue/versions.ts";
import type { Writer } from "../state/writer.ts";
import type { Methods } from "./methods.ts";

export function resourcesService({ unary }: Methods, writer: Writer): ResourcesServer {
  return {
    apply: unary(ResourcesService.apply, async ({ files, dryRun, withTexts }, caller) => ({
      changes: await applySources(writer, files, { actor: caller.name, dryRun, withTexts }),
    })),
    show: unary(ResourcesService.show, ({ kind, name, version: beginning }) =>
      writer.read(({ catalogue }) => {
        const resource = versionOf(catalogue, kind, name, beginning);
        return { kind, name, version: resource.version, yaml: definitionText(resource) };
      }),
    ),
    history: unary(ResourcesService.history, ({ kind, name }) =>
      writer.read(({ catalogue }) => ({
        applications: [...applicationsOf(catalogue, kind, name)],
      })),
    ),
    rollback: unary(ResourcesService.rollback, (request, caller) =>
      rollBack(writer, request, caller.name),
    ),
    graph: unary(ResourcesService.graph, ({ workflow, version, files }) =>
      writer.read(({ catalogue }) =>
        files.length === 0
          ? graphOfVersion(catalogue, workflow, version)
          : graphOfFiles(catalogue, files, workflow),
      ),
    ),
    list: unary(ResourcesService.list, ({ kind }) => {
      if (kind !== "" && !isResourceKind(kind))
        throw refuse("RESOURCE_KIND_UNKNOWN", `unknown kind "${kind}"`);
      return writer.read(({ catalogue }) => ({
        resources: resourcesOf(catalogue, kind === "" ? null : kind).map((it) => ({
          kind: it.kind,
          name: it.name,
          version: it.version,
          change: "unchanged",
          before: "",
          after: "",
          textsTooLarge: false,
        })),
      }));
    }),
  };
}
