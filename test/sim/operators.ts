import { createHash } from "node:crypto";
import { canonicalJson } from "@cohort/proto/ledger/canonical";
import { CohortError } from "@cohort/proto/problem";
import { decideStart } from "../../coordinator/src/scheduler/decide-start.ts";
import { checkSources } from "../../coordinator/src/workflow/workflow.ts";
import type { CoordinatorProcess } from "./coordinator-process.ts";
import type { Random } from "./random.ts";
import { type FleetShape, randomResources, randomWorkflow } from "./workflows.ts";

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
  readonly #texts: string[];
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
    this.#texts = [randomResources(options.random, options.fleet)];
  }

  get satisfied(): boolean {
    return this.#texts.length === 0 && this.#wishes.every((wish) => wish.run !== null);
  }

  /** `wishing`: whether they think of something new. */
  act(coordinator: CoordinatorProcess | null, wishing: boolean): void {
    const random = this.#random;
    if (wishing && this.#standing && random.chance(0.08)) {
      const workflow = `flow-${random.integer(0, 1)}`;
      this.#wishes.push({ key: random.ulid(), workflow, run: null, asked: null });
    }
    if (wishing && this.#standing && this.#texts.length === 0 && random.chance(0.005)) {
      this.#texts.push(randomWorkflow(random, "flow-0", this.#fleet));
    }
    if (coordinator === null || !coordinator.ready) return;
    this.#apply(coordinator);
    for (const wish of this.#wishes) this.#start(coordinator, wish);
    if (random.chance(0.1)) this.#look(coordinator);
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
    const again = wish.run !== null && this.#random.chance(0.002);
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
    const done = coordinator.writer.decide((state) => decideStart(state, request));
    this.#watch(coordinator, done, ({ run }) => {
      this.#told.started(request.idempotencyKey, run);
      wish.run = run;
    });
  }

  #look(coordinator: CoordinatorProcess): void {
    const wish = this.#random.pick([null, ...this.#wishes]);
    if (wish?.run == null) return;
    const { run } = wish;
    const done = coordinator.writer.read(({ runs }) => runs.byId.get(run)?.state ?? "unknown");
    this.#watch(coordinator, done, (state) => this.#told.saw(run, state));
  }

  /** An answer of a coordinator that has died meanwhile never arrives. */
  #watch<T>(coordinator: CoordinatorProcess, done: Promise<T>, then: (value: T) => void): void {
    done.then(
      (value) => {
        if (!coordinator.dead) then(value);
      },
      (error: unknown) => {
        if (error instanceof CohortError && error.code === "LEDGER_UNWRITABLE") return;
        this.#onFault(error);
      },
    );
  }
}

function storedResources(text: string) {
  const { resources, problems } = checkSources([{ path: "simulated.yaml", text }], () => true);
  if (problems.length > 0) throw new Error(`${JSON.stringify(problems)}\n${text}`);
  return resources.map(({ kind, definition }) => {
    const definitionJson = canonicalJson(definition);
    const version = createHash("sha256").update(definitionJson).digest("hex");
    return { kind, name: definition.name, version, definitionJson };
  });
}
