import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { refuse } from "@cohort/proto/problem";
import type { Session } from "./session.ts";

/** What nobody else may see: from a file, the terminal without an echo, or stdin; never the command line. */
export async function readSecret(
  session: Session,
  question: string,
  file?: string,
): Promise<Buffer> {
  const { askSecret, readInput } = session.terminal;
  if (file !== undefined) return withoutLastNewline(readSecretFile(session, file));
  const bytes = askSecret === null ? await readInput() : Buffer.from(await askSecret(question));
  return withoutLastNewline(bytes);
}

/** A file's bytes as they are. Throws USAGE. */
export function readSecretFile({ terminal }: Session, file: string): Buffer {
  try {
    return readFileSync(resolve(terminal.directory, file));
  } catch (cause) {
    throw refuse("USAGE", `${file} cannot be read`, undefined, cause);
  }
}

/** Editors and `echo` add one; a value that ends in a newline of its own needs two. */
function withoutLastNewline(bytes: Buffer): Buffer {
  if (bytes.at(-1) !== 0x0a) return bytes;
  return bytes.subarray(0, bytes.at(-2) === 0x0d ? -2 : -1);
}
