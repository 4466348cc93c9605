import { createHash } from "node:crypto";
import { once } from "node:events";
import { createWriteStream, renameSync, rmSync } from "node:fs";
import { resolve } from "node:path";
import type { Artifact, ArtifactPiece } from "@cohort/proto/gen/cohort/console";
import { refuse } from "@cohort/proto/problem";
import { formatSize } from "@cohort/proto/quantity";
import { neutralise } from "@cohort/proto/text";
import { formatMoment } from "../moments.ts";
import type { Session } from "../session.ts";
import { artifactView } from "../views.ts";

/** What a run's steps left. */
export async function listArtifacts(session: Session, run: string): Promise<number> {
  const { output } = session;
  const console = await session.console();
  const { artifacts } = await console.call(console.artifacts, console.artifacts.list, { run });
  output.result({ artifacts: artifacts.map(artifactView) }, () =>
    output.table(
      ["STEP", "INSTANCE", "NAME", "SIZE", "STORED", "SHA-256"],
      artifacts.map((it) => [
        it.step,
        String(it.instance),
        it.name,
        formatSize(it.size),
        formatMoment(it.storedMs),
        Buffer.from(it.sha256).toString("hex"),
      ]),
    ),
  );
  return 0;
}

/** Writes an artifact to a file: all of it, with the hash that it should have, or nothing. */
export async function getArtifact(
  session: Session,
  key: { readonly run: string; readonly step: string; readonly name: string },
  options: { readonly file?: string; readonly instance: number },
): Promise<number> {
  const console = await session.console();
  const request = { ...key, instance: options.instance };
  const pieces = console.stream(console.artifacts, console.artifacts.get, request);
  const first = await pieces.next();
  const artifact = first.done === true ? undefined : first.value.artifact;
  if (artifact === undefined) throw refuse("INTERNAL", "the coordinator sent no artifact");
  const path = resolve(session.terminal.directory, options.file ?? key.name);
  await write(path, artifact, pieces);
  session.output.result({ file: path, ...artifactView(artifact) }, () =>
    neutralise(`${path}, ${formatSize(artifact.size)}`),
  );
  return 0;
}

async function write(
  path: string,
  artifact: Artifact,
  pieces: AsyncIterable<ArtifactPiece>,
): Promise<void> {
  const partial = `${path}.partial`;
  const file = createWriteStream(partial, { mode: 0o600 });
  const hash = createHash("sha256");
  try {
    await once(file, "open");
    for await (const { data } of pieces) {
      hash.update(data);
      if (!file.write(data)) await once(file, "drain");
    }
    file.end();
    await once(file, "finish");
    if (!hash.digest().equals(artifact.sha256)) {
      throw refuse("ARTIFACT_CORRUPT", `${artifact.name} did not arrive as it was stored`);
    }
    renameSync(partial, path);
  } catch (cause) {
    if (!(cause instanceof Error && "syscall" in cause)) throw cause;
    throw refuse("USAGE", `${path} cannot be written`, undefined, cause);
  } finally {
    file.destroy();
    rmSync(partial, { force: true });
  }
}
