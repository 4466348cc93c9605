import { spawn } from "node:child_process";
import { once } from "node:events";
import { onTestFinished } from "vitest";
import { fixture } from "./agent.ts";

export interface Pty {
  /** Of the end that a program takes for a serial port. */
  readonly path: string;
  send(text: string): void;
  /** What has arrived at the other end, when it is this much at least. */
  received(length: number): Promise<string>;
}

/** A pseudo-terminal: a real terminal driver, without a wire. */
export async function openPty(): Promise<Pty> {
  const child = spawn(await fixture("pty"), { stdio: ["pipe", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  let arrived = "";
  child.stdout.setEncoding("latin1").on("data", (text) => {
    arrived += text;
  });
  const until = async (check: () => boolean) => {
    while (!check()) await once(child.stdout, "data");
  };
  await until(() => arrived.includes("\n"));
  const path = arrived.slice(0, arrived.indexOf("\n"));
  arrived = arrived.slice(path.length + 1);
  return {
    path,
    send: (text) => void child.stdin.write(text),
    received: async (length) => {
      await until(() => arrived.length >= length);
      return arrived;
    },
  };
}
