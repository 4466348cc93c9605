import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ConsoleClient } from "@cohort/gateway/src/console-client/console-client.ts";
import type { SourceFile } from "@cohort/proto/gen/cohort/console";

/**
 * Copies the example's resources from `source` to `folder` with what only this machine knows: the
 * desk's port, and the authority that its data folder `desk` holds. Gives the files as they are applied.
 */
export function layOutFactory(place: {
  readonly source: string;
  readonly desk: string;
  readonly folder: string;
  readonly port: number;
}): SourceFile[] {
  const { source, desk, folder, port } = place;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const resources = readdirSync(source)
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => ({ name, text: withPort(readFileSync(join(source, name), "utf8"), port) }));
  const ca = { name: "ca.pem", text: readFileSync(join(desk, "ca.pem"), "utf8") };
  return [...resources, ca].map(({ name, text }) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return { path, text };
  });
}

/** Gives what changed, in one phrase. Throws CohortError. */
export async function applyFactory(client: ConsoleClient, files: SourceFile[]): Promise<string> {
  const { resources } = client;
  const reply = await client.call(resources, resources.apply, {
    files,
    dryRun: false,
    withTexts: false,
  });
  const counts = new Map<string, number>();
  for (const { change } of reply.changes) counts.set(change, (counts.get(change) ?? 0) + 1);
  return [...counts].map(([change, count]) => `${count} resources ${change}`).join(", ");
}

function withPort(text: string, port: number): string {
  return text.replace(/^(base_url: https:\/\/localhost):\d+$/m, `$1:${port}`);
}
