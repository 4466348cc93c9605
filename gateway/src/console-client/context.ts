import { accessSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { refuse } from "@cohort/proto/problem";
import * as z from "zod";
import { limits } from "../limits.ts";

/** Where a coordinator is, how to know that it is the right one, and who we are to it. */
export interface Context {
  /** "host:port" of the console API. */
  readonly endpoint: string;
  /** PEM of the certificate authority that signs the coordinator's certificate. */
  readonly ca: string;
  /** Bearer token; its role decides what the coordinator allows. */
  readonly token: string;
}

export interface ContextSearch {
  /** The option's value; wins over everything. */
  readonly file?: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly directory: string;
}

/**
 * The context of `--context`, COHORT_CONTEXT, the nearest `.cohort/operator.json` upward, or the
 * home folder, in this order. Throws USAGE when there is none, or it is malformed.
 */
export function loadContext(search: ContextSearch): Context {
  return readContext(findContext(search));
}

/** Throws USAGE. A file that others may read is refused: it holds a token. */
export function readContext(path: string): Context {
  const file = statSync(path, { throwIfNoEntry: false });
  if (file === undefined || !file.isFile() || file.size > limits.contextBytesMax) {
    throw refuse("USAGE", `${path} is not a context file`, { hint: howToGetOne });
  }
  if ((file.mode & 0o077) !== 0) {
    throw refuse("USAGE", `${path} can be read by other users of this machine`, {
      hint: `It holds a token. Run: chmod 600 ${path}`,
    });
  }
  try {
    return contextSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (cause) {
    throw refuse("USAGE", `${path} is not a context file`, { hint: howToGetOne }, cause);
  }
}

const howToGetOne = "`cohort up` writes one to .cohort/operator.json; or name one with --context.";

const contextSchema = z.object({
  endpoint: z.string().regex(/^(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\]):\d{1,5}$/),
  ca: z.string().includes("BEGIN CERTIFICATE"),
  token: z.string().regex(/^[\x21-\x7e]{1,512}$/),
});

function findContext({ file, environment, directory }: ContextSearch): string {
  const named = file ?? environment["COHORT_CONTEXT"];
  if (named !== undefined && named !== "") return resolve(directory, named);
  const candidates = [
    ...foldersUpward(directory).map((folder) => join(folder, ".cohort", "operator.json")),
    join(environment["HOME"] ?? homedir(), ".config", "cohort", "operator.json"),
  ];
  const found = candidates.find(exists);
  if (found !== undefined) return found;
  throw refuse("USAGE", "no context says where the coordinator is", { hint: howToGetOne });
}

function foldersUpward(directory: string): string[] {
  const folder = resolve(directory);
  const parent = dirname(folder);
  return parent === folder ? [folder] : [folder, ...foldersUpward(parent)];
}

function exists(path: string): boolean {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
}
