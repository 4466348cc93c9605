import type { VirtualClock } from "./clock.ts";
import type { CommitFate } from "./coordinator-process.ts";
import type { Edges } from "./edges.ts";
import type { Network } from "./network.ts";
import type { Board } from "./node-process.ts";
import type { Random } from "./random.ts";

export const faultKinds = [
  "drop",
  "duplicate",
  "slow",
  "partition",
  "asymmetric-partition",
  "cut",
  "bus-down",
  "coordinator-crash",
  "commit-crash",
  "commit-refused",
  "commit-slow",
  "agent-crash",
  "agent-stop",
  "power-loss",
  "disk-full",
  "clock-skew",
  "cloned-disk",
] as const;

export type FaultKind = (typeof faultKinds)[number];

/** What faults act upon. */
export interface FaultTargets {
  readonly clock: VirtualClock;
  readonly network: Network;
  readonly boards: readonly Board[];
  readonly edges: Edges;
  killCoordinator(reason: string): void;
  /** Sets the coordinator's clock forward or back. */
  skew(ms: number): void;
}

/**
 * A seed turns on some kinds of faults and leaves others out, so that seeds differ in more than the
 * moments. Each kind draws from its own chance: a run without one of them goes as it went, up to what
 * that fault had changed.
 */
export class Faults {
  readonly kinds: readonly FaultKind[];
  readonly #targets: FaultTargets;
  readonly #random: ReadonlyMap<FaultKind, Random>;
  readonly #commits: Random;
  #active = true;

  constructor(random: Random, targets: FaultTargets, allowed: readonly FaultKind[]) {
    this.#targets = targets;
    this.#random = new Map(faultKinds.map((kind) => [kind, random.fork(kind)]));
    this.#commits = random.fork("commits");
    const swarm = random.fork("kinds");
    const share = swarm.pick([0.25, 0.5, 0.8]);
    const chosen = faultKinds.filter(() => swarm.chance(share));
    this.kinds = chosen.filter((kind) => allowed.includes(kind));
    const rates = {
      drop: swarm.pick([0.01, 0.05, 0.2]),
      duplicate: swarm.pick([0.05, 0.2, 0.5]),
      slow: swarm.pick([0.01, 0.05]),
    };
    for (const kind of ["drop", "duplicate", "slow"] as const) {
      if (this.#has(kind)) targets.network.faults[kind] = rates[kind];
    }
  }

  /** Once a tick. */
  act(): void {
    const { network, boards, clock, killCoordinator, skew } = this.#targets;
    for (const board of boards) {
      this.#maybe("partition", 0.004, (random) => {
        network.setLink(board.name, false, false);
        this.#later(random.integer(200, 40_000), () => network.setLink(board.name, true, true));
      });
      this.#maybe("asymmetric-partition", 0.004, (random) => {
        const up = random.chance(0.5);
        network.setLink(board.name, up, !up);
        this.#later(random.integer(200, 40_000), () => network.setLink(board.name, true, true));
      });
      this.#maybe("cut", 0.006, () => network.cut(board.name, "cut"));
      this.#maybe("agent-crash", 0.005, (random) => {
        board.kill("is killed", false);
        this.#later(random.integer(10, 20_000), () => board.start());
      });
      this.#maybe("power-loss", 0.005, (random) => {
        board.kill("loses power", true);
        this.#later(random.integer(1_000, 30_000), () => board.start());
      });
      this.#maybe("cloned-disk", 0.002, () => {
        if (board.twin === null) board.copyDisk();
      });
      this.#maybe("agent-stop", 0.003, () => board.stop());
      this.#maybe("disk-full", 0.004, (random) => {
        board.disk.full = true;
        this.#later(random.integer(500, 10_000), () => {
          board.disk.full = false;
        });
      });
    }
    this.#maybe("bus-down", 0.003, (random) => {
      network.setUp(false);
      clock.set(() => network.setUp(true), random.integer(100, 8_000));
    });
    this.#maybe("coordinator-crash", 0.005, () => killCoordinator("is killed"));
    this.#maybe("clock-skew", 0.01, (random) => skew(random.integer(-3_000, 6_000)));
  }

  commit(): { fate: CommitFate; afterMs: number } {
    const slow = this.#draw("commit-slow")?.chance(0.03) === true;
    const afterMs = slow ? this.#commits.integer(50, 1_500) : this.#commits.integer(1, 8);
    const { edges } = this.#targets;
    for (const fate of ["crash before", "crash after", "refused"] as const) {
      if (edges.breaks(`commit: ${fate}`)) return { fate, afterMs };
    }
    if (this.#draw("commit-refused")?.chance(0.004) === true) return { fate: "refused", afterMs };
    const crash = this.#draw("commit-crash");
    if (crash?.chance(0.01) !== true) return { fate: "done", afterMs };
    return { fate: crash.chance(0.5) ? "crash before" : "crash after", afterMs };
  }

  /** From now on all goes well. */
  stop(): void {
    this.#active = false;
    const { network, boards } = this.#targets;
    Object.assign(network.faults, { drop: 0, duplicate: 0, slow: 0 });
    if (!network.up) network.setUp(true);
    for (const board of boards) {
      board.disk.full = false;
      network.setLink(board.name, true, true);
      board.start();
      board.twin?.start();
    }
  }

  #has(kind: FaultKind): boolean {
    return this.kinds.includes(kind);
  }

  #draw(kind: FaultKind): Random | null {
    return this.#active && this.#has(kind) ? (this.#random.get(kind) as Random) : null;
  }

  #maybe(kind: FaultKind, probability: number, act: (random: Random) => void): void {
    const random = this.#draw(kind);
    if (random?.chance(probability) === true) act(random);
  }

  #later(ms: number, end: () => void): void {
    this.#targets.clock.set(() => {
      if (this.#active) end();
    }, ms);
  }
}
