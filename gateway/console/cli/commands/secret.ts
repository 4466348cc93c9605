import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { limits } from "@cohort/proto/limits";
import { refuse } from "@cohort/proto/problem";
import { formatMoment } from "../moments.ts";
import type { Session } from "../session.ts";
import { secretView } from "../views.ts";

/** Puts a secret into the vault. Its value comes from stdin or a file, never from the command line. */
export async function setSecret(
  session: Session,
  path: string,
  value: readonly string[],
  options: { readonly fromFile?: string; readonly service: readonly string[] },
): Promise<number> {
  if (value.length > 0) {
    throw refuse("USAGE", "a secret's value does not belong on the command line", {
      hint:
        "Every user of this machine can read command lines, and the shell keeps them. " +
        `Type \`cohort secret set ${path}\` and enter the value, or pipe it in, or use --from-file.`,
    });
  }
  const bytes = withoutLastNewline(await readValue(session, path, options.fromFile));
  if (bytes.length === 0 || bytes.length > limits.secretBytesMax) {
    throw refuse(
      "USAGE",
      `the value has ${bytes.length} bytes; 1 to ${limits.secretBytesMax} may be`,
    );
  }
  const console = await session.console();
  const request = { path, value: bytes, services: [...options.service] };
  const { version } = await console.call(console.secrets, console.secrets.set, request);
  session.output.result({ path, version }, () => `${path} version ${version}`);
  return 0;
}

/** Paths and versions; values are not to be had. */
export async function listSecrets(session: Session): Promise<number> {
  const { output } = session;
  const console = await session.console();
  const { secrets } = await console.call(console.secrets, console.secrets.list, {});
  output.result({ secrets: secrets.map(secretView) }, () =>
    output.table(
      ["PATH", "VERSION", "SET", "SERVICES"],
      secrets.map((it) => [
        it.path,
        String(it.version),
        formatMoment(it.setMs),
        it.services.join(", "),
      ]),
    ),
  );
  return 0;
}

async function readValue(session: Session, path: string, file?: string): Promise<Buffer> {
  const { askSecret, readInput, directory } = session.terminal;
  if (file !== undefined) {
    try {
      return readFileSync(resolve(directory, file));
    } catch (cause) {
      throw refuse("USAGE", `${file} cannot be read`, undefined, cause);
    }
  }
  return askSecret === null
    ? await readInput()
    : Buffer.from(await askSecret(`value of ${path}: `));
}

/** Editors and `echo` add one; a value that ends in a newline of its own needs two. */
function withoutLastNewline(bytes: Buffer): Buffer {
  if (bytes.at(-1) !== 0x0a) return bytes;
  return bytes.subarray(0, bytes.at(-2) === 0x0d ? -2 : -1);
}
