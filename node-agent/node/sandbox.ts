import { concatenate } from "../src/bytes.ts";
import type { SandboxProcess, SandboxSpec, Socket } from "../src/host.ts";
import { HostError, type Sandbox, type SandboxExit, type SandboxProbe } from "../src/host.ts";
import { Channel } from "./channel.ts";
import { socketPair } from "./socket-pair.ts";

/** What a pretended step can do. */
export interface PretendedStep {
  readonly spec: SandboxSpec;
  write(stream: 1 | 2, text: string): void;
  /** Leaves a file in /work for the agent to collect. */
  leave(name: string, bytes: Uint8Array): void;
  /** A file that the agent placed in /work before the step began. */
  placed(path: string): Uint8Array | null;
  /** A connection to the agent's listener on the step's loopback. */
  connect(): Socket;
  /** Resolves with whether it was hard when the agent kills the step. */
  readonly killed: Promise<boolean>;
}

/** Plays a step; its value overrides a clean exit. A hard kill ends it whatever it does. */
export type StepPlay = (step: PretendedStep) => Promise<Partial<SandboxExit> | undefined>;

const strict: SandboxProbe = { level: "strict", features: [] };

/** A sandbox that confines nothing and runs functions: for tests and simulators only. */
export function pretendedSandbox(play: StepPlay, probe: SandboxProbe = strict): Sandbox {
  return { probe: () => probe, start: (spec) => startPretended(spec, play) };
}

function startPretended(spec: SandboxSpec, play: StepPlay): SandboxProcess {
  const output = new Channel<{ stream: 1 | 2; bytes: Uint8Array }>();
  const connections = new Channel<Socket>();
  const left = new Map<string, Uint8Array>();
  let onKill: (hard: boolean) => void = () => {};
  const killed = new Promise<boolean>((resolve) => {
    onKill = resolve;
  });
  let onHardKill: (exit: Partial<SandboxExit>) => void = () => {};
  const hardKilled = new Promise<Partial<SandboxExit>>((resolve) => {
    onHardKill = resolve;
  });
  const step: PretendedStep = {
    spec,
    write: (stream, text) => output.put({ stream, bytes: new TextEncoder().encode(text) }),
    leave: (name, bytes) => void left.set(name, bytes),
    placed: (path) => left.get(path) ?? null,
    connect: () => {
      const [inside, outside] = socketPair();
      connections.put(outside);
      return inside;
    },
    killed,
  };
  let begin = () => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  if (!spec.held) begin();
  const played = begun.then(() => play(step));
  const exited = Promise.race([played, hardKilled]).then((exit) => {
    output.end();
    connections.end();
    return { ...cleanExit, ...exit };
  });
  return {
    readOutput: () => output.take(),
    accept: () => connections.take(),
    kill: (hard) => {
      onKill(hard);
      if (hard) onHardKill({ code: -1, signal: "SIGKILL" });
    },
    exited,
    collect: (name, bytesMax) => {
      const bytes = left.get(name) ?? null;
      if (bytes !== null && bytes.length > bytesMax) throw new HostError("TOO_LARGE", name);
      return bytes;
    },
    measure: (name) => left.get(name)?.length ?? null,
    collectPart: (name, offset, length) => {
      const bytes = left.get(name);
      if (bytes === undefined) throw new HostError("ENOENT", name);
      return bytes.slice(offset, offset + length);
    },
    place: (path, bytes) => {
      left.set(path, concatenate([left.get(path) ?? new Uint8Array(0), bytes]));
    },
    begin,
    release: () => left.clear(),
  };
}

const cleanExit: SandboxExit = {
  code: 0,
  signal: "",
  killed: "",
  cpuMs: 1,
  memoryPeakBytes: 1024 * 1024,
  wallMs: 1,
};
