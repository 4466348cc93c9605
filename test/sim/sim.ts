import { decideRotationAsked } from "../../coordinator/src/fleet/decide-rotation.ts";
import { createMemoryDisk } from "../../coordinator/src/log/memory.ts";
import { decideRevoke } from "../../coordinator/src/scheduler/decide-revoke.ts";
import { Checks } from "./checks.ts";
import { VirtualClock } from "./clock.ts";
import { CoordinatorProcess, dispatchKeys } from "./coordinator-process.ts";
import { Edges } from "./edges.ts";
import { enrolBoard } from "./enrol.ts";
import { type FaultKind, Faults, faultKinds } from "./faults.ts";
import { Network } from "./network.ts";
import { Board } from "./node-process.ts";
import { Operators } from "./operators.ts";
import { greedy, plant } from "./planted.ts";
import type { Plant } from "./plants.ts";
import { Random } from "./random.ts";
import { Trace } from "./trace.ts";
import { must, Violation } from "./violation.ts";
import { Work } from "./work.ts";

export interface SimulationOptions {
  readonly seed: number;
  /** Ticks with faults; then all is well until every run has ended. */
  readonly ticks: number;
  /** Kinds of faults that the seed may choose from. */
  readonly faults?: readonly FaultKind[];
  readonly plant?: Plant | null;
  /** The edge at which a process dies, counted from 0; none when left out. */
  readonly edge?: number | null;
}

export interface Outcome {
  readonly seed: number;
  /** Of the last tick; with the faults chosen, all that a replay needs. */
  readonly tick: number;
  readonly violation: Violation | null;
  readonly faults: readonly FaultKind[];
  readonly trace: readonly string[];
  /** Equal for equal simulations. */
  readonly fingerprint: number;
  readonly events: number;
  /** Entries whose payload was dropped. */
  readonly dropped: number;
  readonly attempts: number;
  readonly runs: number;
  /** Edges at which a process could have died. */
  readonly edges: number;
}

export const tickMs = 100;
/** How long everything may take to end once nothing fails any more. */
const calmTicksMax = 18_000;
/** Memory is held against a replay of the log every so many ticks: it costs more than the rest. */
const replayEvery = 50;
/** Shortly before a minute begins, so that schedules fire while things fail. */
const epochMs = Date.UTC(2026, 10, 22, 0, 0, 50);

/** One mesh, from nothing to the end of its last run, in virtual time. Never rejects. */
export async function simulate(options: SimulationOptions): Promise<Outcome> {
  const simulation = new Simulation(options);
  const restore = [
    simulation.clock.install(),
    catchRejections(simulation),
    plant(options.plant ?? null),
  ];
  try {
    await simulation.run(options.ticks);
  } catch (error) {
    simulation.fail(error);
  } finally {
    for (const undo of restore) undo();
  }
  return simulation.outcome();
}

class Simulation {
  readonly clock = new VirtualClock();
  readonly #seed: number;
  readonly #random: Random;
  readonly #trace = new Trace(this.clock);
  readonly #disk = createMemoryDisk();
  readonly #work = new Work();
  readonly #checks = new Checks(this.#disk, this.#work, this.#trace);
  readonly #edges: Edges;
  readonly #network: Network;
  readonly #boards: readonly Board[];
  readonly #faults: Faults;
  readonly #operators: Operators;
  readonly #plant: Plant | null;
  #coordinator: CoordinatorProcess | null = null;
  #skewMs = 0;
  readonly #rotations: Random;
  #lives = 0;
  #invites = 0;
  /** Boards that are being enrolled anew. */
  readonly #returning = new Set<string>();
  #tick = 0;
  #violation: Violation | null = null;

  constructor({ seed, faults = faultKinds, plant = null, edge = null }: SimulationOptions) {
    const { clock } = this;
    this.#edges = new Edges(edge, (name) => this.#trace.add("edge", name));
    this.#seed = seed;
    this.#plant = plant;
    this.#random = new Random(String(seed));
    const random = this.#random;
    this.#rotations = random.fork("rotations");
    this.#network = new Network({
      clock,
      random: random.fork("network"),
      trace: this.#trace,
      tamper: (subject, answer) =>
        plant === "greedy-acknowledgement" ? greedy(subject, answer) : answer,
    });
    this.#boards = this.#makeBoards(random.fork("fleet"));
    const zones: Record<string, number> = {};
    for (const { options } of this.#boards) {
      const zone = options.labels["zone"] as string;
      zones[zone] = (zones[zone] ?? 0) + 1;
    }
    this.#operators = new Operators({
      random: random.fork("operators"),
      fleet: { zones, nodes: this.#boards.map(({ name }) => name) },
      told: {
        started: this.#guarded((key: string, run: string) => this.#checks.started(key, run)),
        saw: this.#guarded((run: string, state: string) => this.#checks.saw(run, state)),
      },
      onFault: (error) => this.fail(error),
    });
    this.#faults = new Faults(
      random.fork("faults"),
      {
        clock,
        network: this.#network,
        boards: this.#boards,
        edges: this.#edges,
        killCoordinator: (reason) => this.#coordinator?.kill(reason),
        skew: (ms) => {
          this.#skewMs += ms;
          this.#trace.add("clock", `steps by ${ms} ms`);
        },
      },
      faults,
    );
  }

  async run(ticks: number): Promise<void> {
    await this.#enrol();
    for (const board of this.#boards) board.start();
    for (; this.#tick < ticks && this.#violation === null; this.#tick++) {
      this.#faults.act();
      this.#operators.act(this.#coordinator, true);
      this.#askForKeys();
      await this.#pass();
    }
    this.#faults.stop();
    this.#trace.add("sim", "faults stop");
    const end = this.#tick + calmTicksMax;
    for (; this.#violation === null && !this.#done(); this.#tick++) {
      if (this.#tick >= end) throw this.#unending();
      this.#operators.act(this.#coordinator, false);
      await this.#pass();
    }
    if (this.#coordinator !== null && this.#violation === null) {
      await this.clock.advance(2_000);
      this.#checks.replay(this.#coordinator);
    }
    this.#checks.ledger();
  }

  fail(error: unknown): void {
    if (this.#violation !== null) return;
    this.#violation =
      error instanceof Violation
        ? error
        : new Violation("nothing fails unforeseen", String((error as Error)?.stack ?? error));
    this.#trace.add("sim", `VIOLATED ${this.#violation.message.split("\n")[0]}`);
  }

  outcome(): Outcome {
    return {
      seed: this.#seed,
      tick: this.#tick,
      violation: this.#violation,
      faults: this.#faults.kinds,
      trace: this.#trace.last(80),
      fingerprint: this.#trace.fingerprint,
      events: this.#checks.events,
      dropped: this.#checks.dropped,
      attempts: this.#work.count,
      runs: this.#checks.history.runs.size,
      edges: this.#edges.count,
    };
  }

  async #pass(): Promise<void> {
    // Before anything of the tick: a copy may say hello within it.
    for (const { name, twin } of this.#boards) if (twin !== null) this.#work.cloned.add(name);
    await this.clock.advance(tickMs);
    this.#checks.readLog();
    this.#letBackIn();
    const coordinator = this.#coordinator;
    if (coordinator !== null && this.#tick % replayEvery === 0) this.#checks.replay(coordinator);
  }

  #done(): boolean {
    const runs = [...this.#checks.history.runs.values()];
    const open = runs.some((run) => run.ended === null);
    const clones = this.#boards.some(({ twin }) => twin !== null);
    const settled = this.#boards.every(({ name }) => this.#checks.isSettled(name));
    return (
      this.#operators.satisfied && settled && !open && !clones && this.#work.running.length === 0
    );
  }

  /**
   * One of two was away while the other changed their keys, and stays out: it says so on its console,
   * and an operator does not ask which of the two is in.
   */
  #revoke(node: string): void {
    const request = { node, reason: "another machine has its keys", actor: "operator" };
    this.#coordinator?.writer.decide((state) => decideRevoke(state, request)).catch(() => {});
  }

  /** Once early, so that a sweep has every edge of it, and then at times. */
  #askForKeys(): void {
    for (const { name } of this.#boards) {
      if (this.#tick !== 4 && !this.#rotations.chance(0.003)) continue;
      const actor = "operator";
      this.#coordinator?.writer
        .decide(({ fleet }) => decideRotationAsked(fleet, { node: name, actor }))
        .catch(() => {});
    }
  }

  /** What an operator does of a node that was quarantined: away with the copy, and a new invite. */
  #letBackIn(): void {
    for (const board of this.#boards) {
      // Copied again meanwhile, it is let in first: revoked at each turn, it never would be.
      if (this.#returning.has(board.name)) continue;
      if (board.twin !== null && this.#network.turnedAway.has(board.name)) this.#revoke(board.name);
      if (!this.#checks.isBarred(board.name)) continue;
      must(board.twin !== null, "an honest node is never quarantined", board.name);
      this.#returning.add(board.name);
      board.renew();
      this.#network.turnedAway.delete(board.name);
      this.#enrolBoard(board)
        .then(() => board.start())
        .catch((error: unknown) => this.fail(error))
        .finally(() => this.#returning.delete(board.name));
    }
  }

  #unending(): Violation {
    const clones = this.#boards.filter(({ twin }) => twin !== null).map(({ name }) => name);
    if (clones.length > 0) {
      return new Violation("two machines with one node's keys are found out", clones.join(", "));
    }
    const unsettled = this.#boards.filter(({ name }) => !this.#checks.isSettled(name));
    if (unsettled.length > 0) {
      const names = unsettled.map(({ name }) => name).join(", ");
      return new Violation("a node that changes its keys comes back", names);
    }
    return new Violation("every run ends", this.#unfinished());
  }

  #unfinished(): string {
    const runs = [...this.#checks.history.runs].filter(([, run]) => run.ended === null);
    const steps = runs.map(([id, { latest }]) => `${id} (${JSON.stringify([...latest])})`);
    return `${steps.join(", ")}; running: ${this.#work.running.join(", ")}`;
  }

  /** The first start, and each after a crash: the state comes from the log. */
  #startCoordinator(): void {
    const random = this.#random.fork(`coordinator/${++this.#lives}`);
    const coordinator: CoordinatorProcess = new CoordinatorProcess({
      clock: this.clock,
      random,
      network: this.#network,
      disk: this.#disk,
      plant: this.#plant,
      now: () => epochMs + Math.floor(this.clock.nowMs) + this.#skewMs,
      commitFate: () => this.#faults.commit(),
      onSent: this.#guarded((sent) => this.#checks.sent(sent)),
      onCall: this.#guarded(() => this.#checks.called()),
      onDeath: (reason) => {
        this.#trace.add("coordinator", `dies: ${reason}`);
        this.#coordinator = null;
        this.clock.set(() => this.#startCoordinator(), random.integer(50, 5_000));
      },
      onFault: (error) => this.fail(error),
    });
    this.#coordinator = coordinator;
    this.#trace.add("coordinator", `starts from ${coordinator.log.size} entries`);
    coordinator.start().catch((error: unknown) => {
      if (!coordinator.dead) this.fail(error);
    });
  }

  async #enrol(): Promise<void> {
    this.#startCoordinator();
    for (const board of this.#boards) {
      const enrolling = this.#enrolBoard(board);
      let done = false;
      enrolling.then(() => {
        done = true;
      });
      while (!done) await this.clock.advance(2_000);
    }
  }

  #enrolBoard(board: Board): Promise<void> {
    return enrolBoard(board, {
      clock: this.clock,
      checks: this.#checks,
      writer: () => this.#coordinator?.writer,
      invite: `${board.name}/${++this.#invites}`,
    });
  }

  #makeBoards(random: Random): Board[] {
    const { clock } = this;
    const count = random.integer(1, 5);
    return Array.from({ length: count }, (_, at) => {
      const name = `board-${at}`;
      return new Board(
        {
          name,
          arch: random.pick(["x86_64", "arm64", "riscv64"]),
          labels: { zone: at === 0 ? "a" : random.pick(["a", "b"]) },
          slots: random.integer(1, 3),
          memoryBytes: random.pick([64, 256, 1024]) * 1024 ** 2,
          skewMs: random.pick([0, 0, -epochMs, random.integer(-100_000, 100_000)]),
          clock,
          random: random.fork(name),
          network: this.#network,
          trace: this.#trace,
          edges: this.#edges,
          now: () => epochMs + Math.floor(clock.nowMs),
          watcher: {
            started: this.#guarded((attempt, node) => this.#work.started(attempt, node)),
            ended: this.#guarded((attempt, succeeded) => this.#work.ended(attempt, succeeded)),
          },
          onFault: (error) => this.fail(error),
        },
        dispatchKeys.publicKey,
      );
    });
  }

  /** A check that is asked from within the product, which must not be able to catch its verdict. */
  #guarded<Args extends unknown[]>(check: (...args: Args) => void): (...args: Args) => void {
    return (...args) => {
      try {
        check(...args);
      } catch (error) {
        this.fail(error);
      }
    };
  }
}

function catchRejections(simulation: Simulation): () => void {
  const onRejection = (error: unknown) => simulation.fail(error);
  process.on("unhandledRejection", onRejection);
  return () => void process.off("unhandledRejection", onRejection);
}
