import { createHash, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { Release, type ReleaseKey, SignedRelease } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { type CohortError, refuse } from "@cohort/proto/problem";
import { releaseKeyProof, releaseProof } from "@cohort/proto/proof";
import { isVersion } from "@cohort/proto/version";
import { formatMoment } from "../moments.ts";
import type { Session } from "../session.ts";
import { formatKey, parsePublicKey, parseSecretKey, publicKeyOf, signWith } from "./release-key.ts";

/** Writes a new secret key, and prints its public half, which is no secret. */
export async function keygen(session: Session, options: { readonly out: string }): Promise<number> {
  const seed = randomBytes(32);
  const file = resolve(session.terminal.directory, options.out);
  wrapped(file, "be written", () =>
    writeFileSync(file, `${formatKey("secret", seed)}\n`, { mode: 0o600, flag: "wx" }),
  );
  const key = formatKey("public", publicKeyOf(seed));
  session.output.result({ key, file }, () => key);
  session.output.progress(`${file} signs versions of the agent: keep it off the mesh's machines.`);
  return 0;
}

export async function sign(
  session: Session,
  files: readonly string[],
  options: { readonly key: string; readonly floor: string },
): Promise<number> {
  const { floor } = options;
  if (floor !== "" && !isVersion(floor)) throw refuse("USAGE", `${floor} is no version`);
  const seed = readSecretKey(session, options.key);
  // All are looked at before any is written.
  const signed = files.map((name) => {
    const file = resolve(session.terminal.directory, name);
    const release = { ...describe(file, read(file)), floor };
    const payload = Release.encode(release).finish();
    const signature = signWith(seed, releaseProof(payload));
    return { file, release, bytes: SignedRelease.encode({ payload, signature }).finish() };
  });
  for (const { file, bytes } of signed) {
    wrapped(file, "be written", () => writeFileSync(`${file}.release`, bytes));
  }
  const releases = signed.map(({ file, release }) => ({ file, ...releaseView(release) }));
  session.output.result({ releases }, () =>
    releases.map((it) => `${it.file}.release: ${it.version} for ${it.arch}`).join("\n"),
  );
  return 0;
}

export async function trust(
  session: Session,
  text: string,
  options: { readonly signedBy?: string },
): Promise<number> {
  const key = parsePublicKey(text);
  const signature =
    options.signedBy === undefined
      ? new Uint8Array(0)
      : signWith(readSecretKey(session, options.signedBy), releaseKeyProof(key));
  const trusted: ReleaseKey = { key, signature };
  const console = await session.console();
  const { changed } = await console.call(console.agents, console.agents.trust, { key: trusted });
  session.output.result({ key: text, changed }, () =>
    changed ? "releases must be signed with this key from now on" : "the key was trusted already",
  );
  return 0;
}

/** One after the other; what is there already stays as it is. */
export async function publish(session: Session, files: readonly string[]): Promise<number> {
  const all = files.map((name) => {
    const file = resolve(session.terminal.directory, name);
    const binary = read(file);
    const signed = decodeSigned(file);
    return { file, binary, signed, release: Release.decode(signed.payload) };
  });
  const console = await session.console();
  const releases: (ReturnType<typeof releaseView> & { file: string; changed: boolean })[] = [];
  for (const { file, binary, signed, release } of all) {
    session.output.progress(`${file}: ${release.version} for ${release.arch}`);
    const request = { signed, binary };
    const { changed } = await console.call(console.agents, console.agents.publish, request);
    releases.push({ file, ...releaseView(release), changed });
  }
  session.output.result({ releases }, () =>
    releases
      .map((it) => `${it.version} for ${it.arch} ${it.changed ? "is published" : "was there"}`)
      .join("\n"),
  );
  return 0;
}

export async function listReleases(session: Session): Promise<number> {
  const { output } = session;
  const console = await session.console();
  const { keys, releases } = await console.call(console.agents, console.agents.list, {});
  const latest = keys.at(-1);
  const key = latest === undefined ? null : formatKey("public", latest);
  const shown = releases.map(({ release, publishedMs }) => ({
    ...releaseView(release ?? Release.fromPartial({})),
    published_ms: publishedMs,
  }));
  output.result({ key, releases: shown }, () => {
    const rows = shown.map((it) => [
      it.version,
      it.arch,
      String(it.size),
      it.floor ?? "-",
      formatMoment(it.published_ms),
      it.sha256,
    ]);
    const table = output.table(["VERSION", "ARCH", "BYTES", "FLOOR", "PUBLISHED", "SHA-256"], rows);
    return `${table}\nsigned with ${key ?? "no key yet: see cohort agent keygen"}`;
  });
  return 0;
}

export async function removeRelease(session: Session, version: string): Promise<number> {
  const console = await session.console();
  await console.call(console.agents, console.agents.remove, { version });
  session.output.result({ version }, () => `${version} is published no more`);
  return 0;
}

function releaseView({ version, arch, size, sha256, floor }: Release) {
  const hash = Buffer.from(sha256).toString("hex");
  return { version, arch, size, sha256: hash, floor: floor === "" ? null : floor };
}

/** What a binary says of itself. Throws RELEASE_INVALID for what is no binary of the agent. */
function describe(file: string, binary: Buffer): Omit<Release, "floor"> {
  const marks = new Set(
    [...binary.toString("latin1").matchAll(/cohort-agent-release (\S{1,64}) (\S{1,16})\n/g)].map(
      ([, version, arch]) => `${version} ${arch}`,
    ),
  );
  const [version = "", arch = ""] = [...marks][0]?.split(" ") ?? [];
  const isOne = marks.size === 1 && isVersion(version) && machineOf(binary) === arch;
  if (!isOne) throw refuse("RELEASE_INVALID", `${file} is no binary of the node agent`);
  if (binary.length > limits.releaseBytesMax) {
    throw refuse("RELEASE_INVALID", `${file} has more than ${limits.releaseBytesMax} bytes`);
  }
  const sha256 = createHash("sha256").update(binary).digest();
  return { version, arch, size: binary.length, sha256 };
}

/** e_machine of the ELF header, https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html */
function machineOf(binary: Buffer): string {
  if (binary.length < 20 || binary.toString("latin1", 0, 4) !== "\x7fELF") return "";
  return machines[binary.readUInt16LE(18)] ?? "";
}

const machines: Readonly<Record<number, string>> = { 62: "x86_64", 183: "arm64", 243: "riscv64" };

function decodeSigned(file: string): SignedRelease {
  const bytes = read(`${file}.release`);
  try {
    const signed = SignedRelease.decode(bytes);
    Release.decode(signed.payload);
    return signed;
  } catch (cause) {
    throw refuse("RELEASE_INVALID", `${file}.release is no signed release`, undefined, cause);
  }
}

function readSecretKey(session: Session, name: string): Buffer {
  const file = resolve(session.terminal.directory, name);
  return parseSecretKey(read(file).toString("utf8"), file);
}

function read(file: string): Buffer {
  return wrapped(file, "be read", () => readFileSync(file));
}

/** Throws USAGE for what the file system refuses. */
function wrapped<Value>(file: string, what: string, act: () => Value): Value {
  try {
    return act();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw refuse("USAGE", `${file} cannot ${what}: ${reason}`, undefined, cause) as CohortError;
  }
}
