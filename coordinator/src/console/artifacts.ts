import {
  type ArtifactsServer,
  ArtifactsService,
  type Artifact as ArtifactView,
} from "@cohort/proto/gen/cohort/console";
import { refuse } from "@cohort/proto/problem";
import { type Artifact, artifactsOf, findArtifact } from "../artifacts/artifacts.ts";
import type { Keeper } from "../artifacts/keeper.ts";
import { artifactLimits } from "../artifacts/limits.ts";
import type { RunHistory } from "../history/history.ts";
import { queryRun } from "../history/query-runs.ts";
import type { Retention } from "../history/retention.ts";
import type { Writer } from "../state/writer.ts";
import type { Methods } from "./methods.ts";

export interface ArtifactsDependencies {
  readonly writer: Writer;
  readonly history: RunHistory;
  readonly retention: Retention;
  readonly artifacts: Pick<Keeper, "read">;
}

export function artifactsService(
  { unary, stream }: Methods,
  { writer, history, retention, artifacts }: ArtifactsDependencies,
): ArtifactsServer {
  return {
    list: unary(ArtifactsService.list, async ({ run }) => {
      await queryRun(writer, history, retention, run);
      const all = await writer.read((state) => artifactsOf(state.artifacts, run));
      return { artifacts: all.map(viewOf) };
    }),
    get: stream(ArtifactsService.get, async (request, send, signal) => {
      const { run, step, instance, name } = request;
      const found = await writer.read((state) => findArtifact(state.artifacts, run, request));
      if (found === null) {
        throw refuse("ARTIFACT_UNKNOWN", `${step}[${instance}] of run ${run} left no "${name}"`, {
          hint: "`cohort artifact list RUN` shows what there is.",
        });
      }
      const { sha256, size } = found;
      await send({ artifact: viewOf(found), data: new Uint8Array(0) });
      for (let offset = 0; offset < size && !signal.aborted; ) {
        const data = await artifacts.read(sha256, offset, artifactLimits.consolePieceBytesMax);
        await send({ artifact: undefined, data });
        offset += data.length;
      }
    }),
  };
}

function viewOf({ step, instance, attempt, name, sha256, size, storedMs }: Artifact): ArtifactView {
  const hash = new Uint8Array(Buffer.from(sha256, "hex"));
  return { step, instance, attempt, name, sha256: hash, size, storedMs };
}
