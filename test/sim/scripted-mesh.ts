import { defaultRetention } from "../../coordinator/src/history/retention.ts";
import { createMemoryDisk } from "../../coordinator/src/log/memory.ts";
import { decideStart } from "../../coordinator/src/scheduler/decide-start.ts";
import type { Writer } from "../../coordinator/src/state/writer.ts";
import type { PretendedDevices } from "../../node-agent/node/pretended-devices.ts";
import { Checks } from "./checks.ts";
import { VirtualClock } from "./clock.ts";
import { CoordinatorProcess, dispatchKeys } from "./coordinator-process.ts";
import { Edges } from "./edges.ts";
import { enrolBoard } from "./enrol.ts";
import { Network } from "./network.ts";
import { Board } from "./node-process.ts";
import { storedResources } from "./operators.ts";
import { Random } from "./random.ts";
import type { Play } from "./step-play.ts";
import { Trace } from "./trace.ts";
import { Work } from "./work.ts";

export interface BoardScript {
  readonly name: string;
  readonly slots: number;
  readonly play: Play;
  readonly devices?: PretendedDevices;
}

/** What a command, a disk and a few messages take at most. */
const settledMs = 2_000;
const epochMs = Date.UTC(2026, 10, 22);

/**
 * The simulator's mesh, with all its checks, where nothing is left to chance but what messages and disks
 * take: a test says what happens and when.
 */
export class ScriptedMesh {
  readonly clock = new VirtualClock();
  readonly boards: readonly Board[];
  readonly network: Network;
  readonly checks: Checks;
  readonly #random: Random;
  readonly #trace = new Trace(this.clock);
  readonly #disk = createMemoryDisk();
  #coordinator: CoordinatorProcess | null = null;
  #fault: Error | null = null;
  #lives = 0;

  constructor(seed: string, scripts: readonly BoardScript[]) {
    const { clock } = this;
    this.#random = new Random(seed);
    const random = this.#random;
    const trace = this.#trace;
    const work = new Work();
    this.checks = new Checks(this.#disk, work, trace);
    this.network = new Network({
      ...{ clock, trace },
      random: random.fork("network"),
      tamper: (_subject, answer) => answer,
    });
    this.boards = scripts.map(
      (script) =>
        new Board(
          {
            ...script,
            ...{ clock, trace, network: this.network },
            arch: "riscv64",
            labels: {},
            memoryBytes: 1024 ** 3,
            skewMs: 0,
            random: random.fork(script.name),
            edges: new Edges(null, () => {}),
            now: () => epochMs + Math.floor(clock.nowMs),
            watcher: {
              started: (attempt, node) => this.#check(() => work.started(attempt, node)),
              ended: (attempt, succeeded) => this.#check(() => work.ended(attempt, succeeded)),
            },
            onFault: (error) => this.#fail(error),
          },
          dispatchKeys.publicKey,
        ),
    );
  }

  /** Runs `act` in the mesh's time, its boards enrolled and at work. */
  async play(act: () => Promise<void>): Promise<void> {
    const restore = this.clock.install();
    try {
      await this.#startCoordinator();
      for (const board of this.boards) {
        const { clock, checks } = this;
        const writer = () => this.coordinator.writer;
        await this.#settled(enrolBoard(board, { clock, checks, writer, invite: board.name }));
        board.start();
      }
      await this.pass(settledMs);
      await act();
      this.checks.replay(this.coordinator);
      this.checks.ledger();
    } finally {
      restore();
    }
  }

  get coordinator(): CoordinatorProcess {
    if (this.#coordinator === null) throw new Error("the script has not begun");
    return this.#coordinator;
  }

  board(name: string): Board {
    const board = this.boards.find((it) => it.name === name);
    if (board === undefined) throw new Error(`the script has no board ${name}`);
    return board;
  }

  /** Throws what any part of the mesh did wrong meanwhile. */
  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
    this.checks.readLog();
    if (this.#fault !== null) throw this.#fault;
  }

  /** The process is killed, and starts again from its disk. */
  async restartCoordinator(): Promise<void> {
    this.coordinator.kill("is killed by the script");
    await this.#startCoordinator();
  }

  /** What an operator asks; it is durable after a while of the mesh's time. */
  async decide(decision: Parameters<Writer["decide"]>[0]): Promise<void> {
    await this.#settled(this.coordinator.writer.decide(decision));
  }

  async apply(text: string): Promise<void> {
    const value = { actor: "operator", resources: storedResources(text) };
    await this.decide(() => ({
      events: [{ $case: "resourcesApplied", value }],
      value: undefined,
    }));
  }

  /** The run that is started. */
  async start(workflow: string): Promise<string> {
    const { log } = this.coordinator;
    const request = {
      ...{ run: this.#random.ulid(), workflow, inputs: {}, event: null, idempotencyKey: "" },
      trigger: "operator" as const,
      actor: "operator",
    };
    await this.decide((state) => decideStart(state, request, log.history));
    return request.run;
  }

  /** All that the coordinator keeps of what a run's step wrote, in the order of its offsets. */
  output(run: string, step: string): readonly { readonly offset: number; readonly text: string }[] {
    return [...this.#disk.chunks.values()]
      .filter((it) => it.run === run && it.step === step)
      .sort((a, b) => a.offset - b.offset)
      .map(({ offset, data }) => ({ offset, text: Buffer.from(data).toString() }));
  }

  async #settled(done: Promise<unknown>): Promise<void> {
    await this.pass(settledMs);
    await done;
  }

  /** Within the mesh's time, for its timers are those that stand then. */
  async #startCoordinator(): Promise<void> {
    const { clock, network } = this;
    this.#coordinator = new CoordinatorProcess({
      ...{ clock, network, disk: this.#disk, plant: null, retention: defaultRetention },
      random: this.#random.fork(`coordinator/${++this.#lives}`),
      now: () => epochMs + Math.floor(clock.nowMs),
      commitFate: () => ({ fate: "done", afterMs: 2 }),
      onSent: (sent) => this.#check(() => this.checks.sent(sent)),
      onCall: () => this.#check(() => this.checks.called()),
      onDeath: (reason) => this.#trace.add("coordinator", `dies: ${reason}`),
      onFault: (error) => this.#fail(error),
    });
    await this.#settled(this.#coordinator.start());
  }

  /** A check that is asked from within the product, which must not be able to catch its verdict. */
  #check(ask: () => void): void {
    try {
      ask();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    const last = this.#trace.last(40).join("\n");
    this.#fault ??= new Error(`${String((error as Error)?.stack ?? error)}\n${last}`);
  }
}
