import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { createInterface } from "node:readline";

export interface MachineOptions {
  readonly argv: readonly string[];
  /** Paths of Unix sockets that the emulator connects to when it starts. */
  readonly monitor: string;
  readonly control: string;
  /** What the kernel, the first process and the emulator wrote. */
  readonly consoleFile: string;
  /** What the board says on its control port when it is up. */
  readonly greeting: string;
  readonly bootMsMax: number;
}

export interface Answer {
  readonly status: number;
  readonly output: string;
}

/**
 * One run of an emulator, from power on to power off. It is spoken to on two lines: its monitor
 * (https://www.qemu.org/docs/master/interop/qmp-spec.html), and the control port of `init.ts`.
 */
export class Machine {
  #asked = 0;

  private constructor(
    private readonly child: ChildProcess,
    private readonly monitor: Line,
    private readonly control: Line,
  ) {}

  /** Resolves when the board is up; rejects with the end of its console when it does not come up. */
  static async powerOn(options: MachineOptions): Promise<Machine> {
    const listening = await Promise.all([listen(options.monitor), listen(options.control)]);
    const child = launch(options);
    try {
      const gone = once(child, "exit").then(() => {
        throw new Error("the emulator ended");
      });
      const machine = Machine.#meet(child, listening, options.greeting);
      return await Promise.race([machine, gone, timeLimit(options.bootMsMax)]);
    } catch (cause) {
      child.kill("SIGKILL");
      const said = readFileSync(options.consoleFile, "utf8").split("\n").slice(-40).join("\n");
      throw new Error(`the board did not start:\n${options.argv.join(" ")}\n${said}`, { cause });
    } finally {
      for (const server of listening) server.close();
    }
  }

  static async #meet(child: ChildProcess, servers: readonly [Server, Server], greeting: string) {
    const [monitor, control] = (await Promise.all(servers.map(accept))) as [Line, Line];
    const up = control.heard((text) => text === greeting);
    await monitor.heard((text) => "QMP" in JSON.parse(text));
    const machine = new Machine(child, monitor, control);
    await machine.command("qmp_capabilities");
    await up;
    return machine;
  }

  /** Runs a shell script on the board. Resolves when it has ended, with all that it wrote. */
  async run(script: string): Promise<Answer> {
    const id = `${++this.#asked}`;
    this.control.say(`${id} ${Buffer.from(script).toString("base64")}`);
    const answer = await this.control.heard((text) => text.startsWith(`${id} `));
    const [, status, output = ""] = answer.split(" ");
    return { status: Number(status), output: Buffer.from(output, "base64").toString() };
  }

  /** Gives the emulator's monitor a command. Rejects when it refuses. */
  async command(execute: string, arguments_: Readonly<Record<string, unknown>> = {}) {
    const id = ++this.#asked;
    this.monitor.say(JSON.stringify({ execute, arguments: arguments_, id }));
    const answer = JSON.parse(await this.monitor.heard((text) => JSON.parse(text).id === id));
    if (answer.error !== undefined) throw new Error(`${execute}: ${answer.error.desc}`);
    return answer.return;
  }

  /** As when the plug is pulled: nothing is flushed or told. */
  async powerOff(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, "exit");
    this.child.kill("SIGKILL");
    await ended;
  }
}

/** A connection that carries lines. */
class Line {
  readonly #waiting = new Set<(text: string) => void>();
  readonly #closed: Promise<never>;

  constructor(private readonly socket: Socket) {
    createInterface({ input: socket }).on("line", (text) => {
      for (const waiting of this.#waiting) waiting(text);
    });
    this.#closed = once(socket, "close").then(() => {
      throw new Error("the board is off");
    });
    // Heard by whoever waits; nobody may.
    this.#closed.catch(() => {});
    socket.on("error", () => {});
  }

  say(text: string): void {
    this.socket.write(`${text}\n`);
  }

  /** The next line that is wanted. Rejects when the connection ends first. */
  async heard(wanted: (text: string) => boolean): Promise<string> {
    let waiting = (_text: string) => {};
    const line = new Promise<string>((resolve) => {
      waiting = (text) => {
        if (wanted(text)) resolve(text);
      };
      this.#waiting.add(waiting);
    });
    try {
      return await Promise.race([line, this.#closed]);
    } finally {
      this.#waiting.delete(waiting);
    }
  }
}

function launch({ argv, consoleFile }: MachineOptions): ChildProcess {
  const log = openSync(consoleFile, "a", 0o600);
  const [program, ...rest] = argv as [string, ...string[]];
  const child = spawn(program, rest, { stdio: ["ignore", log, log] });
  closeSync(log);
  return child;
}

async function listen(path: string): Promise<Server> {
  const server = createServer();
  server.listen(path);
  await once(server, "listening");
  return server;
}

async function accept(server: Server): Promise<Line> {
  const [socket] = await once(server, "connection");
  return new Line(socket as Socket);
}

function timeLimit(ms: number): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`not within ${ms} ms`)), ms).unref();
  });
}
