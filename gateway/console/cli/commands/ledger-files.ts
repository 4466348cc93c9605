import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { refuse } from "@cohort/proto/problem";
import type { Session } from "../session.ts";

/** A file that is named on the command line, whole. Throws USAGE. */
export function readGiven(session: Session, file: string): string {
  const path = resolve(session.terminal.directory, file);
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw refuse("USAGE", `${path} cannot be read`, undefined, cause);
  }
}

/** All of it or nothing; folders on the way are made. Returns the path. Throws USAGE. */
export function writeGiven(session: Session, file: string, content: string | Uint8Array): string {
  const path = resolve(session.terminal.directory, file);
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.partial`, content, { mode: 0o600 });
    renameSync(`${path}.partial`, path);
    return path;
  } catch (cause) {
    throw refuse("USAGE", `${path} cannot be written`, undefined, cause);
  }
}
