import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeAll, onTestFinished } from "vitest";
import { buildMachine } from "../../toolchain/architectures.mjs";
import { buildAgent } from "../../toolchain/build.mjs";
import { userEmulator } from "../../toolchain/user-emulator.mjs";
import { buildFixture } from "./fixture.ts";

const root = resolve(import.meta.dirname, "../../..");
/** Set to run every test against the build with AddressSanitizer and UBSan. */
export const sanitize = process.env["COHORT_SANITIZE"] === "1";

/** Set to run what needs no namespaces against another processor's binary, in an emulator. */
const arch = process.env["COHORT_ARCH"] ?? "x86_64";
const emulator = await userEmulator(arch);

/** The binary under test, with test/program.ts in place of the agent's own main. */
export async function agentBinary(): Promise<string> {
  const name = sanitize ? "cohort-agent-sanitize" : "cohort-agent";
  const { file } = await buildAgent({
    arch,
    main: join(import.meta.dirname, "program.ts"),
    outFile: join(root, ".cohort/build/test", arch, name),
    sanitize,
  });
  return file;
}

/** What compilers may take on a busy machine; the tests' own time begins after. */
export const buildMsMax = 900_000;
beforeAll(async () => {
  await agentBinary();
}, buildMsMax);

/** What starts the binary under test on this machine. */
export async function agentCommand(): Promise<string[]> {
  return [...emulator, await agentBinary()];
}

/** A static program of the fixtures folder, for what only raw system calls can try. */
export async function fixture(name: string): Promise<string> {
  const output = join(temporaryFolder(), name);
  await buildFixture(name, buildMachine().name, output);
  return output;
}

/** What an error that a program does not catch is printed as. */
export interface Thrown {
  readonly thrown: { readonly code: string; readonly message: string };
}

export interface Outcome<Result> {
  /** What the program returned, or `Thrown`. */
  readonly result: Result;
  readonly stderr: string;
  readonly code: number | null;
}

/** Runs a program, the body of an async function of `host`, inside the agent's binary. */
export async function runProgram<Result = Thrown>(
  source: string,
  environment: NodeJS.ProcessEnv = {},
  user?: number,
): Promise<Outcome<Result>> {
  return await outcomeOf<Result>(startProgram(await agentCommand(), source, environment, user));
}

/** What a program that was started says and returns. */
export async function outcomeOf<Result>(child: ChildProcess): Promise<Outcome<Result>> {
  let out = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text) => {
    out += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text) => {
    stderr += text;
  });
  const code = await new Promise<number | null>((done) => child.on("close", done));
  if (/Sanitizer|runtime error/.test(stderr)) throw new Error(stderr);
  const line = out.trim().split("\n").at(-1) ?? "";
  if (line === "") throw new Error(`the program printed nothing (exit ${code}): ${stderr}`);
  return { result: JSON.parse(line), stderr, code };
}

/** Its input is a pipe that says nothing: what reads it by mistake never ends. */
export function startProgram(
  [program = "", ...before]: readonly string[],
  source: string,
  environment: NodeJS.ProcessEnv = {},
  user?: number,
): ChildProcess {
  const path = join(temporaryFolder(), "program.js");
  writeFileSync(path, source);
  return spawn(program, [...before, path], {
    env: { ...process.env, UBSAN_OPTIONS: "halt_on_error=1", ...environment },
    stdio: ["pipe", "pipe", "pipe"],
    ...(user === undefined ? {} : { uid: user, gid: user }),
  });
}

/** Readable by everyone, as a step has a user of its own, and not in /tmp, which is the step's own
 * inside. Removed when the test ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync("/var/tmp/cohort-host-");
  chmodSync(folder, 0o755);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
