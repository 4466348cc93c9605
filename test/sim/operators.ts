import { createHash } from "node:crypto";
import { canonicalJson } from "@cohort/proto/ledger/canonical";
import { CohortError } from "@cohort/proto/problem";
import {
  decideCordon,
  decideDrain,
  decideUncordon,
} from "../../coordinator/src/fleet/decide-cordon.ts";
import { decideSlots } from "../../coordinator/src/fleet/decide-slots.ts";
import type { FleetState } from "../../coordinator/src/fleet/fleet.ts";
import { queryRun } from "../../coordinator/src/history/query-runs.ts";
import { defaultRetention } from "../../coordinator/src/history/retention.ts";
import { decideStart } from "../../coordinator/src/scheduler/decide-start.ts";
import { checkSources } from "../../coordinator/src/workflow/workflow.ts";
import { answerSteps } from "./answers.ts";
import type { CoordinatorProcess } from "./coordinator-process.ts";
import type { Random } from "./random.ts";
import { Verbs } from "./verbs.ts";
import { type FleetShape, randomResources, randomWorkflow, withoutSchedules } from "./workflows.ts";

/** What operators are told; each must be true of the log by then. */
export interface Told {
  started(key: string, run: string): void;
  saw(run: string, state: string): void;
}

interface Wish {
  readonly key: string;
  readonly workflow: string;
  run: string | null;
  /** The life of the coordinator that was asked last. */
  asked: CoordinatorProcess | null;
}

/** People and gateways: they ask until they are answered, twice at times, with one key a wish. */
export class Operators {
  readonly #random: Random;
  readonly #fleet: FleetShape;
  readonly #told: Told;
  readonly #onFault: (error: unknown) => void;
  readonly #wishes: Wish[] = [];
  /** To be applied, in order. */
  readonly #texts: string[];
  /** All that was ever to be applied. */
  readonly #written: string[];
  #calm = false;
  /** Nodes that may stand cordoned: all are given work again in the end. */
  readonly #upkeep = new Set<string>();
  #tended: CoordinatorProcess | null = null;
  readonly #verbs: Verbs;
  #applied: CoordinatorProcess | null = null;
  #standing = false;

  constructor(options: {
    readonly random: Random;
    readonly fleet: FleetShape;
    readonly told: Told;
    readonly onFault: (error: unknown) => void;
  }) {
    this.#random = options.random;
    this.#fleet = options.fleet;
    this.#told = options.told;
    this.#onFault = options.onFault;
    this.#verbs = new Verbs(options.random.fork("verbs"), (coordinator, command) =>
      coordinator.writer.decide(command).catch((error: unknown) => {
        // One that comes too late, or does not fit the run, is refused; that is no fault.
        if (!(error instanceof CohortError)) this.#onFault(error);
      }),
    );
    this.#written = [randomResources(options.random, options.fleet)];
    this.#texts = [...this.#written];
  }

  get satisfied(): boolean {
    const started = this.#wishes.every((wish) => wish.run !== null);
    return this.#texts.length === 0 && this.#upkeep.size === 0 && started;
  }

  /** `wishing`: whether they think of something new. */
  act(coordinator: CoordinatorProcess | null, wishing: boolean): void {
    const random = this.#random;
    if (wishing && this.#standing && random.chance(0.08)) {
      const workflow = `flow-${random.integer(0, 1)}`;
      this.#wishes.push({ key: random.ulid(), workflow, run: null, asked: null });
    }
    if (wishing && this.#standing && this.#texts.length === 0 && random.chance(0.005)) {
      const text = randomWorkflow(random, "flow-0", this.#fleet);
      this.#texts.push(text);
      this.#written.push(text);
    }
    if (!wishing && !this.#calm) {
      this.#calm = true;
      this.#texts.push(...this.#written.map(withoutSchedules));
    }
    if (coordinator === null || !coordinator.ready) return;
    this.#apply(coordinator);
    for (const wish of this.#wishes) this.#start(coordinator, wish);
    if (random.chance(0.1)) this.#look(coordinator);
    this.#tend(coordinator, wishing);
    answerSteps(random, coordinator, (command) =>
      this.#watch(coordinator, coordinator.writer.decide(command), () => {}),
    );
    this.#verbs.act(coordinator, wishing);
  }

  #apply(coordinator: CoordinatorProcess): void {
    const [text] = this.#texts;
    if (text === undefined || this.#applied === coordinator) return;
    this.#applied = coordinator;
    const resources = storedResources(text);
    const value = { actor: "operator", resources };
    const done = coordinator.writer.decide(() => ({
      events: [{ $case: "resourcesApplied", value }],
      value: undefined,
    }));
    this.#watch(coordinator, done, () => {
      this.#texts.shift();
      this.#applied = null;
      this.#standing = true;
    });
  }

  #start(coordinator: CoordinatorProcess, wish: Wish): void {
    // A run whose history is removed would be started anew.
    const again = wish.run !== null && this.#random.chance(0.002) && isKnown(coordinator, wish.run);
    if ((wish.run !== null && !again) || (wish.asked === coordinator && !again)) return;
    wish.asked = coordinator;
    const request = {
      run: this.#random.ulid(),
      workflow: wish.workflow,
      trigger: "operator" as const,
      actor: "operator",
      inputs: { size: 2 },
      event: null,
      idempotencyKey: `operator/${wish.key}`,
    };
    const done = coordinator.writer.decide((state) =>
      decideStart(state, request, coordinator.log.history),
    );
    this.#watch(coordinator, done, ({ run }) => {
      this.#told.started(request.idempotencyKey, run);
      wish.run = run;
    });
  }

  /** Takes nodes out of service and gives them back, one at a time; in the end gives all back. */
  #tend(coordinator: CoordinatorProcess, wishing: boolean): void {
    const random = this.#random;
    if (this.#tended === coordinator || (wishing && !random.chance(0.02))) return;
    const tended = [...this.#upkeep];
    if (!wishing && tended.length === 0) return;
    const node = random.pick(wishing ? this.#fleet.nodes : tended);
    const asked = { node, reason: "", actor: "operator" };
    const { writer } = coordinator;
    // One that is out of the mesh, as its disk was copied, has its turn when it is back.
    const state = writer.state.fleet.nodes.get(node)?.state ?? "";
    if (!["connected", "disconnected"].includes(state)) return;
    const givesBack = !wishing || (this.#upkeep.has(node) && random.chance(0.6));
    if (!givesBack) this.#upkeep.add(node);
    this.#tended = coordinator;
    const deadlineMs = random.integer(0, 10_000);
    const slots = random.integer(0, 2);
    const takesBack = random.pick([
      (fleet: FleetState) => decideCordon(fleet, asked),
      (fleet: FleetState, now: number) => decideDrain(fleet, { ...asked, deadlineMs }, now),
      (fleet: FleetState) => decideSlots(fleet, { ...asked, slots }),
    ]);
    const decide = givesBack ? (fleet: FleetState) => decideUncordon(fleet, asked) : takesBack;
    const done = writer.decide(({ fleet }, nowMs) => decide(fleet, nowMs));
    this.#watch(coordinator, done, () => {
      this.#tended = null;
      if (givesBack) this.#upkeep.delete(node);
    });
  }

  #look(coordinator: CoordinatorProcess): void {
    const wish = this.#random.pick([null, ...this.#wishes]);
    if (wish?.run == null) return;
    const { run } = wish;
    const done = queryRun(coordinator.writer, coordinator.log.history, defaultRetention, run);
    this.#watch(coordinator, done, ({ state }) => this.#told.saw(run, state));
  }

  /** An answer of a coordinator that has died meanwhile never arrives. */
  #watch<T>(coordinator: CoordinatorProcess, done: Promise<T>, then: (value: T) => void): void {
    done.then(
      (value) => {
        if (!coordinator.dead) then(value);
      },
      (error: unknown) => {
        if (error instanceof CohortError && expected.has(error.code)) return;
        this.#onFault(error);
      },
    );
  }
}

function isKnown({ state, log }: CoordinatorProcess, run: string): boolean {
  return state.runs.byId.has(run) || log.history.find(run) !== null;
}

/** Of a disk that failed, of a decision that came second, of a run whose history is removed. */
const expected = new Set(["LEDGER_UNWRITABLE", "APPROVAL_DECIDED", "RUN_UNKNOWN"]);

/** As they stand in the log when they are applied. */
export function storedResources(text: string) {
  const { resources, problems } = checkSources([{ path: "simulated.yaml", text }], () => true);
  if (problems.length > 0) throw new Error(`${JSON.stringify(problems)}\n${text}`);
  return resources.map(({ kind, definition }) => {
    const definitionJson = canonicalJson(definition);
    const version = createHash("sha256").update(definitionJson).digest("hex");
    return { kind, name: definition.name, version, definitionJson };
  });
}
