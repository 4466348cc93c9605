import { runProgram } from "./agent.ts";

export interface StepOptions {
  readonly argv: readonly string[];
  readonly limits?: Partial<
    Record<"memoryBytes" | "pids" | "diskBytes" | "openFiles" | "cpuMs", number>
  >;
  readonly readOnly?: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly listenPort?: number;
  readonly held?: boolean;
  /** The agent's user; that of the tests when left out. */
  readonly user?: number | undefined;
  /** More JavaScript, run after the step has ended, with `host` and `step`; its value is `extra`. */
  readonly after?: string;
  /** JavaScript run while the step runs. */
  readonly meanwhile?: string;
}

export interface StepOutcome {
  readonly out: string;
  readonly error: string;
  readonly exit: {
    code: number;
    signal: string;
    killed: string;
    cpuMs: number;
    memoryPeakBytes: number;
  };
  readonly extra: unknown;
  readonly thrown?: { code: string; message: string };
}

/** Folders that make a usual program run. */
const systemFolders = ["/usr", "/bin", "/sbin", "/lib", "/lib64"];

/** Runs one step in a real sandbox and returns all there is to know about it. */
export async function runStep(options: StepOptions): Promise<StepOutcome> {
  const spec = {
    argv: options.argv,
    environment: { PATH: "/usr/bin:/bin", ...options.environment },
    limits: {
      memoryBytes: 128e6,
      pids: 64,
      diskBytes: 16e6,
      openFiles: 256,
      cpuMs: 60000,
      ...options.limits,
    },
    readOnly: [...systemFolders, ...(options.readOnly ?? [])],
    listenPort: options.listenPort ?? 0,
    held: options.held ?? false,
  };
  const { result } = await runProgram<StepOutcome>(
    `
    const text = new TextDecoder();
    const files = Object.entries(${JSON.stringify(options.files ?? {})})
      .map(([name, content]) => ({ name, bytes: new TextEncoder().encode(content) }));
    const step = host.sandbox.start({ ...${JSON.stringify(spec)}, files });
    const meanwhile = (async () => { ${options.meanwhile ?? ""} })();
    const streams = ["", "", ""];
    for (let part = await step.readOutput(); part !== null; part = await step.readOutput()) {
      streams[part.stream] += text.decode(part.bytes);
    }
    const exit = await step.exited;
    const during = await meanwhile;
    const extra = await (async () => { ${options.after ?? ""} })();
    step.release();
    return { out: streams[1], error: streams[2], exit, extra: extra ?? during };
  `,
    {},
    options.user,
  );
  return result;
}

/** A shell step. */
export function runShell(
  script: string,
  options: Omit<StepOptions, "argv"> = {},
): Promise<StepOutcome> {
  return runStep({ ...options, argv: ["/bin/sh", "-c", script] });
}

/** Whose agent it is: root's gives each step a user of its own, an ordinary one has but its own. */
export const agentUsers: readonly (readonly [string, number | undefined])[] =
  process.getuid?.() === 0
    ? [
        ["a root agent's step", undefined],
        ["an ordinary agent's step", 65_534],
      ]
    : [["an ordinary agent's step", undefined]];
