import type { SecretBinding } from "@cohort/proto/gen/cohort/ledger";
import { limits } from "@cohort/proto/limits";
import { refuse } from "@cohort/proto/problem";
import { parseDuration } from "@cohort/proto/quantity";
import { formatMoment } from "../moments.ts";
import { readSecret } from "../secret-input.ts";
import type { Session } from "../session.ts";
import { secretVersionView, secretView } from "../views.ts";

interface SetOptions {
  readonly fromFile?: string;
  readonly service: readonly string[];
}

/** Puts a secret into the vault. Its value comes from stdin or a file, never from the command line. */
export async function setSecret(
  session: Session,
  path: string,
  value: readonly string[],
  options: SetOptions,
): Promise<number> {
  const bytes = await readValue(session, "set", path, value, options);
  try {
    const console = await session.console();
    const request = { path, value: bytes, services: [...options.service] };
    const { version } = await console.call(console.secrets, console.secrets.set, request);
    session.output.result({ path, version }, () => `${path} version ${version}`);
    return 0;
  } finally {
    bytes.fill(0);
  }
}

/** A new version; the one before it is good for a while. */
export async function rotateSecret(
  session: Session,
  path: string,
  value: readonly string[],
  options: SetOptions & { readonly overlap: string },
): Promise<number> {
  const overlapMs = options.overlap === "0" ? 0 : parseDuration(options.overlap);
  if (overlapMs === null) {
    throw refuse("USAGE", `${options.overlap} is no duration`, {
      hint: "Write 24h, or 0 for none.",
    });
  }
  const bytes = await readValue(session, "rotate", path, value, options);
  try {
    const console = await session.console();
    const request = { path, value: bytes, services: [...options.service], overlapMs };
    const { version } = await console.call(console.secrets, console.secrets.rotate, request);
    session.output.result({ path, version }, () => `${path} version ${version}`);
    return 0;
  } finally {
    bytes.fill(0);
  }
}

/** Paths and versions; values are not to be had. */
export async function listSecrets(session: Session): Promise<number> {
  const { output } = session;
  const console = await session.console();
  const { secrets } = await console.call(console.secrets, console.secrets.list, {});
  output.result({ secrets: secrets.map(secretView) }, () =>
    output.table(
      ["PATH", "VERSION", "SET", "SERVICES", "SENT TO", "FORMER UNTIL"],
      secrets.map((it) => [
        it.path,
        String(it.version),
        formatMoment(it.setMs),
        it.services.join(", "),
        sentTo(it.bindings),
        it.formerVersion === 0 ? "-" : formatMoment(it.formerUntilMs),
      ]),
    ),
  );
  return 0;
}

export async function listVersions(session: Session, path: string): Promise<number> {
  const { output } = session;
  const console = await session.console();
  const { versions } = await console.call(console.secrets, console.secrets.versions, { path });
  output.result({ path, versions: versions.map(secretVersionView) }, () =>
    output.table(
      ["VERSION", "STATE", "SET", "UNTIL", "SERVICES", "SENT TO"],
      versions.map((it) => [
        ...[String(it.version), it.state, formatMoment(it.setMs)],
        it.untilMs === 0 ? "-" : formatMoment(it.untilMs),
        ...[it.services.join(", "), sentTo(it.bindings)],
      ]),
    ),
  );
  return 0;
}

export async function retireSecret(
  session: Session,
  path: string,
  options: { readonly version?: number },
): Promise<number> {
  const console = await session.console();
  const request = { path, version: options.version ?? 0 };
  const { version, current } = await console.call(console.secrets, console.secrets.retire, request);
  session.output.result(
    { path, retired: version, current },
    () => `${path} version ${version} has ended; version ${current} is in use`,
  );
  return 0;
}

export async function deleteSecret(session: Session, path: string): Promise<number> {
  const console = await session.console();
  const { version } = await console.call(console.secrets, console.secrets.delete, { path });
  session.output.result({ path, deleted: version }, () => `${path} has ended`);
  return 0;
}

async function readValue(
  session: Session,
  verb: string,
  path: string,
  value: readonly string[],
  { fromFile }: SetOptions,
): Promise<Buffer> {
  if (value.length > 0) {
    throw refuse("USAGE", "a secret's value does not belong on the command line", {
      hint:
        "Every user of this machine can read command lines, and the shell keeps them. Type " +
        `\`cohort secret ${verb} ${path}\` and enter the value, or pipe it in, or use --from-file.`,
    });
  }
  const bytes = await readSecret(session, `value of ${path}: `, fromFile);
  if (bytes.length === 0 || bytes.length > limits.secretBytesMax) {
    throw refuse(
      "USAGE",
      `the value has ${bytes.length} bytes; 1 to ${limits.secretBytesMax} may be`,
    );
  }
  return bytes;
}

/** Origins that it is bound to; "-" where it was set before its service was known. */
function sentTo(bindings: readonly SecretBinding[]): string {
  const origins = bindings.map(({ injection }) => (JSON.parse(injection) as Injection).origin);
  return origins.length === 0 ? "-" : [...new Set(origins)].join(", ");
}

interface Injection {
  readonly origin: string;
}
