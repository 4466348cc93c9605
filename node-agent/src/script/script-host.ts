import type { Socket } from "../host.ts";

/**
 * The boundary between a script step and its sandbox. The C host installs it as `__script` in the
 * fresh QuickJS process that it starts for `/.cohort/agent script PATH`; nothing of `__host` exists
 * there, and it is taken away again before the step's own text runs. Beside it only timers, console, TextEncoder and TextDecoder.
 */
export interface ScriptHost {
  /** Path of the module, inside the sandbox. */
  readonly path: string;
  source(): string;
  /** A file, by its path from /work; null when absent. */
  readFile(path: string): Uint8Array | null;
  /** Makes the folders above it too. */
  writeFile(path: string, bytes: Uint8Array): void;
  /** Names, sorted; [] when the folder is absent. */
  listFiles(path: string): string[];
  removeFile(path: string): void;
  writeOut(text: string): void;
  writeError(text: string): void;
  environment(name: string): string | undefined;
  /** Integer ms since 1970. */
  now(): number;
  /** A connection to the sandbox's own 127.0.0.1. */
  connect(port: number): Promise<Socket>;
  random(length: number): Uint8Array;
  /** Whether the script's memory limit was ever reached. */
  exhausted(): boolean;
  exit(code: number): never;
  /** Compiles and runs a module; its exports. */
  evaluateModule(source: string, name: string): Promise<Record<string, unknown>>;
}

declare global {
  var __script: ScriptHost | undefined;
}
