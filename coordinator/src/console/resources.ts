import { type ResourcesServer, ResourcesService } from "@cohort/proto/gen/cohort/console";
import { refuse } from "@cohort/proto/problem";
import { isResourceKind } from "@cohort/proto/resources/resources";
import { applySources } from "../catalogue/apply.ts";
import { resourcesOf } from "../catalogue/catalogue.ts";
import type { Writer } from "../state/writer.ts";
import type { Methods } from "./methods.ts";

export function resourcesService({ unary }: Methods, writer: Writer): ResourcesServer {
  return {
    apply: unary(ResourcesService.apply, async ({ files, dryRun }, caller) => ({
      changes: await applySources(writer, files, { actor: caller.name, dryRun }),
    })),
    list: unary(ResourcesService.list, ({ kind }) => {
      if (kind !== "" && !isResourceKind(kind))
        throw refuse("RESOURCE_KIND_UNKNOWN", `unknown kind "${kind}"`);
      return writer.read(({ catalogue }) => ({
        resources: resourcesOf(catalogue, kind === "" ? null : kind).map((it) => ({
          kind: it.kind,
          name: it.name,
          version: it.version,
          change: "unchanged",
        })),
      }));
    }),
  };
}
