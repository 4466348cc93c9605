import type {
  RunStarted,
  ScheduleFired,
  StepCached,
  StepEnded,
  StepTaken,
} from "@cohort/proto/gen/cohort/ledger";
import type { AttemptKey, Finished } from "@cohort/proto/gen/cohort/node";
import { attemptId } from "@cohort/proto/proof";
import type { Recorded } from "../../coordinator/src/state/event.ts";
import type { AttemptRecord, RunRecord } from "./records.ts";
import { must } from "./violation.ts";
import type { Work } from "./work.ts";

const noTimes = { settledMs: 0, waitingMs: 0 };

/**
 * What the log says, event by event, held against rules that know nothing of the product's state: it
 * is read from the disk, so all in it is durable.
 */
export class History {
  readonly runs = new Map<string, RunRecord>();
  readonly runOfKey = new Map<string, string>();
  /** Runs whose history is removed. */
  readonly removed = new Set<string>();
  calls = 0;
  readonly #holders = new Map<string, Set<string>>();
  readonly #schedules = new Map<string, typeof noTimes>();
  readonly #connected = new Set<string>();
  readonly #attempts = new Map<string, AttemptRecord>();
  /** What attempts asked of people and gateways, and whether it is still unanswered. */
  readonly #asked = new Map<string, boolean>();
  /** Attempts whose tokens are worth nothing. */
  readonly #revoked = new Set<string>();
  readonly #work: Work;

  constructor(work: Work) {
    this.#work = work;
  }

  /** The attempt is under way as far as the disk knows, and its step with it. */
  isOpen(key: AttemptKey): boolean {
    const attempt = this.#attempts.get(attemptId(key));
    if (attempt === undefined || attempt.state === "ended") return false;
    const run = this.#run(key);
    return run.ended === null && run.steps.get(key.step) !== "ended";
  }

  wasScheduled(key: AttemptKey, node: string): boolean {
    return this.#attempts.get(attemptId(key))?.node === node;
  }

  nodeOf(key: AttemptKey): string | undefined {
    return this.#attempts.get(attemptId(key))?.node;
  }

  add({ event }: Recorded): void {
    switch (event.$case) {
      case "runStarted":
        return this.#runStarted(event.value);
      case "runBegan":
        return this.#runBegan(event.value.run);
      case "stepPlanned":
        return this.#stepPlanned(event.value.run, event.value.step);
      case "stepExtended":
        return this.#stepExtended(event.value.run, event.value.step);
      case "attemptScheduled":
        return this.#scheduled(event.value.attempt as AttemptKey, event.value.node);
      case "attemptAccepted":
        return this.#advance(event.value.attempt as AttemptKey, ["scheduled"], "accepted");
      case "attemptStarted":
        return this.#advance(
          event.value.attempt as AttemptKey,
          ["scheduled", "accepted"],
          "started",
        );
      case "attemptEnded":
        return this.#ended(
          event.value.attempt as AttemptKey,
          event.value.result as Finished,
          event.value.nodeSeq,
        );
      case "stepCached":
        return this.#cached(event.value);
      case "stepTaken":
        return this.#stepTaken(event.value);
      case "stepEnded":
        return this.#stepEnded(event.value);
      case "runPaused":
        return this.#paused(event.value.run, true);
      case "runResumed":
        return this.#paused(event.value.run, false);
      case "runStopping":
        this.#goingOn(event.value.run).paused = false;
        return;
      case "retryDue":
        return this.#begins(event.value.run, `a retry of ${event.value.step} is due`);
      case "runEnded":
        return this.#runEnded(event.value.run, event.value.outcome);
      case "scheduleFired":
        return this.#scheduleFired(event.value);
      case "approvalRequested":
        return this.#opens("question", event.value.attempt, "");
      case "approvalDecided":
        return this.#closes("question", event.value.attempt, "");
      case "publicationIntended":
        return this.#opens("message", event.value.attempt, event.value.channel);
      case "publicationEnded":
        return this.#closes("message", event.value.attempt, event.value.channel);
      case "historyRemoved":
        for (const run of event.value.runs) this.#removed(run);
        return;
      case "callIntended":
        this.calls++;
        return must(!this.#revoked.has(idOf(event.value)), "what is revoked makes no call", "");
      case "tokenRevoked":
        this.#revoked.add(idOf(event.value));
        return;
      case "nodeConnected":
        this.#connected.add(event.value.node);
        return;
      case "nodeDisconnected":
        this.#connected.delete(event.value.node);
        return;
      default:
    }
  }

  /** An attempt asks something of others, once. */
  #opens(what: string, key: AttemptKey | undefined, channel: string): void {
    const id = `${what} of ${attemptId(key as AttemptKey)} ${channel}`;
    must(this.isOpen(key as AttemptKey), "events of an attempt come in order", `${id} is late`);
    must(!this.#asked.has(id), "a transition is recorded once", `${id} is asked again`);
    this.#asked.set(id, true);
  }

  /** It is answered, once, and while the attempt still wants to know. */
  #closes(what: string, key: AttemptKey | undefined, channel: string): void {
    const id = `${what} of ${attemptId(key as AttemptKey)} ${channel}`;
    must(this.isOpen(key as AttemptKey), "events of an attempt come in order", `${id} is late`);
    must(this.#asked.get(id) === true, "a transition is recorded once", `${id} is not open`);
    this.#asked.set(id, false);
  }

  /** A time is settled once, but that it may wait first. */
  #scheduleFired({ workflow, cron, timezone, dueMs, throughMs, outcome }: ScheduleFired): void {
    const schedule = `${workflow} ${cron} ${timezone}`;
    const { settledMs, waitingMs } = this.#schedules.get(schedule) ?? noTimes;
    const id = `${schedule} at ${dueMs}`;
    const says = "a transition is recorded once";
    if (outcome === "waiting") must(waitingMs === 0, says, `${id} waits beside ${waitingMs}`);
    must(dueMs > settledMs || dueMs === waitingMs, says, `${id} ${outcome} after ${settledMs}`);
    this.#schedules.set(schedule, {
      settledMs: Math.max(settledMs, throughMs),
      waitingMs: outcome === "waiting" ? dueMs : dueMs === waitingMs ? 0 : waitingMs,
    });
  }

  #runStarted({ run, idempotencyKey: key, group, groupMax, parent, retryOf }: RunStarted): void {
    const wanted = parent === undefined || this.isOpen(parent);
    must(wanted, "events of an attempt come in order", `${run} starts when its attempt is over`);
    must(!this.runs.has(run), "a transition is recorded once", `run ${run} started twice`);
    if (retryOf !== "") {
      const { ended } = this.#run({ run: retryOf });
      must(ended !== null, "a retry takes over what was", `${retryOf} goes on, retried as ${run}`);
    }
    this.runs.set(run, {
      retryOf,
      outcomes: new Map(),
      outputs: new Map(),
      steps: new Map(),
      latest: new Map(),
      ended: null,
      paused: false,
      group,
      groupMax,
      waits: group !== "",
    });
    if (key === "") return;
    must(!this.runOfKey.has(key), "an idempotency key starts one run", `${key} started ${run} too`);
    this.runOfKey.set(key, run);
  }

  #runBegan(id: string): void {
    const run = this.#goingOn(id);
    must(run.waits, "a transition is recorded once", `${id} begins again`);
    run.waits = false;
    const holders = this.#holders.get(run.group) ?? new Set();
    this.#holders.set(run.group, holders.add(id));
    const detail = `${id} is number ${holders.size} of ${run.groupMax} in group ${run.group}`;
    must(holders.size <= run.groupMax, "groups stay within their limits", detail);
  }

  /** A key is good for one run as long as that run's history is kept. */
  #removed(run: string): void {
    const ended = this.runs.get(run)?.ended ?? null;
    must(ended !== null, "events of an attempt come in order", `${run} is removed and goes on`);
    must(!this.removed.has(run), "a transition is recorded once", `${run} is removed twice`);
    this.removed.add(run);
    for (const [key, of] of this.runOfKey) if (of === run) this.runOfKey.delete(key);
  }

  #stepPlanned(id: string, step: string): void {
    const run = this.#goingOn(id);
    this.#begins(id, `${step} is planned`);
    must(!run.steps.has(step), "a transition is recorded once", `${id}/${step} planned again`);
    run.steps.set(step, "planned");
  }

  #stepExtended(id: string, step: string): void {
    const going = this.#goingOn(id).steps.get(step) === "planned";
    must(going, "events of an attempt come in order", `${id}/${step} extended and does not go on`);
  }

  /** Instead of an attempt, and in place of one that succeeded. */
  #cached({ run: id, step, instance, originRun, originInstance, outputJson }: StepCached): void {
    const place = `${step}[${instance}]`;
    const run = this.#goingOn(id);
    this.#begins(id, `${place} is cached`);
    const says = "what is cached has succeeded once, and does not run";
    must(!run.latest.has(place), says, `${id}/${place} has run`);
    run.latest.set(place, noAttempt);
    run.outputs.set(place, outputJson);
    const origin = this.runs.get(originRun)?.latest.get(`${step}[${originInstance}]`) ?? 0;
    must(origin > 0, says, `${id}/${place} is from ${originRun}, which did not run it`);
  }

  #scheduled(key: AttemptKey, node: string): void {
    const id = attemptId(key);
    const run = this.#goingOn(key.run);
    // A step that begins at once has no plan of its own.
    if (!run.steps.has(key.step) && key.instance === 0) this.#stepPlanned(key.run, key.step);
    must(
      run.steps.get(key.step) === "planned",
      "events of an attempt come in order",
      `${id} has no step`,
    );
    const place = `${key.step}[${key.instance}]`;
    const before = run.latest.get(place) ?? 0;
    must(key.attempt === before + 1, "a transition is recorded once", `${id} follows #${before}`);
    const last = this.#attempts.get(attemptId({ ...key, attempt: before }));
    must(
      last === undefined || last.state === "ended",
      "events of an attempt come in order",
      `${id} is scheduled while #${before} goes on`,
    );
    this.#begins(key.run, `${id} is scheduled`);
    run.latest.set(place, key.attempt);
    this.#attempts.set(id, { node, state: "scheduled" });
  }

  #advance(
    key: AttemptKey,
    from: readonly AttemptRecord["state"][],
    to: AttemptRecord["state"],
  ): void {
    const id = attemptId(key);
    const run = this.#goingOn(key.run);
    must(
      run.steps.get(key.step) !== "ended",
      "events of an attempt come in order",
      `${id} ${to} after its step had ended`,
    );
    const attempt = this.#attempts.get(id);
    must(attempt !== undefined, "events of an attempt come in order", `${id} was never scheduled`);
    must(attempt.state !== to, "a transition is recorded once", `${id} ${to} twice`);
    must(
      from.includes(attempt.state),
      "events of an attempt come in order",
      `${id} ${to} after ${attempt.state}`,
    );
    attempt.state = to;
  }

  #ended(key: AttemptKey, result: Finished, nodeSeq: number): void {
    const unscheduled = !this.#attempts.has(attemptId(key));
    // The node that it waited for stayed away: the coordinator gives up what would have come next.
    if (unscheduled && nodeSeq === 0 && result.outcome === "failed") this.#scheduled(key, "");
    this.#advance(key, ["scheduled", "accepted", "started"], "ended");
    const id = attemptId(key);
    this.#run(key).outputs.set(`${key.step}[${key.instance}]`, result.outputJson);
    const node = this.nodeOf(key) as string;
    if (node === "") return;
    this.#work.resultRecorded(key, result);
    // What is away for too long may be given up; what is there has not forgotten its work, unless
    // another machine speaks for it.
    const there = this.#connected.has(node) && !this.#work.cloned.has(node);
    const lost = result.code === "NODE_LOST" && there;
    must(!lost, "healthy work is not given up", `${id} was lost by ${node}`);
  }

  /** What is taken over stands in the former run, and nothing of it runs here. */
  #stepTaken({ run: id, step, outcome, instances }: StepTaken): void {
    const run = this.#goingOn(id);
    const former = this.#run({ run: run.retryOf });
    const known = run.outcomes.get(step);
    must(
      known !== undefined || !run.steps.has(step),
      "a retry takes over what was",
      `${id}/${step} is taken over after it began`,
    );
    // What never had its place was skipped as a whole.
    const was = former.outcomes.get(step) ?? (former.waits ? "skipped" : "open");
    must(was === outcome, "a retry takes over what was", `${id}/${step} is ${outcome}, was ${was}`);
    run.steps.set(step, "ended");
    run.outcomes.set(step, outcome);
    const taken = [...run.outputs.keys()].filter((place) => place.startsWith(`${step}[`)).length;
    for (const [at, { result }] of instances.entries()) {
      const place = `${step}[${taken + at}]`;
      const was = former.outputs.get(place) ?? "";
      const output = result?.outputJson ?? "";
      must(
        output === was,
        "a retry takes over what was",
        `${id}/${place} is ${output}, was ${was}`,
      );
      run.outputs.set(place, output);
    }
  }

  #stepEnded({ run: id, step, outcome, actor, reason }: StepEnded): void {
    const run = this.#goingOn(id);
    const bySomeone = actor === "" || (outcome === "skipped" && reason !== "");
    must(bySomeone, "events of an attempt come in order", `${actor} ${outcome} ${id}/${step}`);
    run.outcomes.set(step, outcome);
    must(
      run.steps.get(step) !== "ended",
      "a transition is recorded once",
      `${id}/${step} ended twice`,
    );
    const planned = run.steps.get(step) === "planned";
    must(
      planned || outcome === "skipped",
      "events of an attempt come in order",
      `${id}/${step} ${outcome} without being planned`,
    );
    run.steps.set(step, "ended");
  }

  #runEnded(id: string, outcome: string): void {
    const run = this.#goingOn(id);
    const open = [...run.steps].find(([, state]) => state !== "ended");
    must(
      open === undefined || outcome === "failed",
      "events of an attempt come in order",
      `${id} ${outcome} while step ${open?.[0]} goes on`,
    );
    run.ended = outcome;
    this.#holders.get(run.group)?.delete(id);
  }

  #paused(id: string, paused: boolean): void {
    const run = this.#goingOn(id);
    const what = `run ${id} ${paused ? "paused" : "resumed"} twice`;
    must(run.paused !== paused, "a transition is recorded once", what);
    run.paused = paused;
  }

  #begins(id: string, what: string): void {
    const { paused, waits, group } = this.#goingOn(id);
    must(!waits, "groups stay within their limits", `${what} in ${id}, which waits for ${group}`);
    must(!paused, "a paused run begins nothing", `${what} in ${id}`);
  }

  #goingOn(id: string): RunRecord {
    const run = this.#run({ run: id });
    must(run.ended === null, "events of an attempt come in order", `run ${id} is over`);
    return run;
  }

  #run({ run: id }: { readonly run: string }): RunRecord {
    const run = this.runs.get(id);
    must(run !== undefined, "events of an attempt come in order", `run ${id} never started`);
    return run;
  }
}

/** Of what is cached: no attempt may follow it. */
const noAttempt = -1;

function idOf({ attempt }: { readonly attempt?: AttemptKey | undefined }): string {
  return attemptId(attempt as AttemptKey);
}
