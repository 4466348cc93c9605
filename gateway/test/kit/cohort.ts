import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll } from "vitest";
import type { Context } from "../../src/console-client/context.ts";

const gateway = fileURLToPath(new URL("../..", import.meta.url));

const root = mkdtempSync(join(tmpdir(), "cohort-gateway-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Bundles an entry file of the gateway into a folder of its own; returns the bundle's path. */
export async function bundle(entry: string): Promise<string> {
  const outfile = join(newFolder(), "bundle.mjs");
  await build({
    entryPoints: [join(gateway, entry)],
    outfile,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    external: ["esbuild", "better-sqlite3", "libsodium-wrappers-sumo"],
    banner: {
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
    },
    logLevel: "error",
  });
  return outfile;
}

export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a bundle to its end. */
export function execute(
  file: string,
  argv: readonly string[],
  options: {
    readonly input?: string;
    readonly directory?: string;
    readonly environment?: Record<string, string>;
  } = {},
): Promise<Finished> {
  const { PATH = "" } = process.env;
  const child = spawn(process.execPath, [file, ...argv], {
    cwd: options.directory ?? newFolder(),
    env: { PATH, HOME: newFolder(), ...options.environment },
  });
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  child.stdin.on("error", () => {});
  child.stdin.end(options.input ?? "");
  return new Promise((accept, reject) => {
    child.on("error", reject);
    child.on("close", (status) =>
      accept({
        status,
        stdout: String(Buffer.concat(stdout)),
        stderr: String(Buffer.concat(stderr)),
      }),
    );
  });
}

/** Empty, and gone when the tests of this file have ended. */
export function newFolder(): string {
  return mkdtempSync(join(root, "folder-"));
}

export function writeContext(context: Context, mode = 0o600): string {
  const path = join(newFolder(), "operator.json");
  writeFileSync(path, JSON.stringify(context), { mode });
  return path;
}
