import {
  type AttemptKey,
  DispatchReply,
  type Facts,
  FactsReply,
  FactsReport,
  Heartbeat,
  Hello,
  HelloReply,
  type InventoryItem,
  SessionReply,
  SessionRequest,
  type Signed,
  type UpdateReport,
} from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { CohortError, problem } from "@cohort/proto/problem";
import { helloProof } from "@cohort/proto/proof";
import { subjects } from "@cohort/proto/subjects";
import type { CoordinatorClock } from "../clock.ts";
import { isNews } from "../facts.ts";
import type { Host } from "../host.ts";
import type { Journal } from "../journal/journal.ts";
import type { KeyRing } from "../key-ring.ts";
import { agentLimits } from "../limits.ts";
import { openSigned } from "../steps/verify.ts";
import { backoffMs, delay, randomFraction } from "../wait.ts";
import { Bell } from "./bell.ts";
import type { Bus } from "./bus.ts";
import { credentialIsDue } from "./credential.ts";
import { Door } from "./door.ts";
import type { EventPump } from "./event-pump.ts";
import { Rotation } from "./rotation.ts";

/** What a session needs of the agent. */
export interface SessionContext {
  readonly host: Host;
  readonly node: string;
  readonly instance: string;
  readonly coordinatorKey: Uint8Array;
  /** Of the machine as it is now. */
  facts(): Facts;
  readonly clock: CoordinatorClock;
  readonly journal: Journal;
  readonly pump: EventPump;
  readonly attempts: {
    readonly running: number;
    inventory(): InventoryItem[];
    supersede(attempts: readonly AttemptKey[]): void;
    dispatch(bytes: Uint8Array): Promise<DispatchReply>;
    cancel(bytes: Uint8Array): Promise<DispatchReply>;
  };
  readonly updater: {
    readonly report: UpdateReport | undefined;
    readonly releaseKey: Uint8Array;
    learnKeys(signed: Signed): void;
    greeted(): void;
    command(bytes: Uint8Array): Promise<DispatchReply>;
  };
  readonly witness: { run(bus: Bus, ended: AbortSignal): Promise<void> };
  /** Rung when the updater's report is another. */
  readonly news: Bell;
  readonly keys: KeyRing;
  /** Calls of steps that are out. */
  readonly calls: { readonly isEmpty: boolean };
  /** Ends the connection for one with the present keys. */
  reconnect(): void;
}

/** One connection's life: listen, say hello, then heartbeats and events until it ends. */
export async function serveSession(
  context: SessionContext,
  bus: Bus,
  ended: AbortSignal,
): Promise<void> {
  const { node, attempts, pump } = context;
  const door = new Door();
  bus.subscribe(subjects.dispatch(node, context.instance), async (payload) => {
    const passed = await door.pass(limits.dispatchAnswerMs, ended);
    const reply = passed ? await attempts.dispatch(payload) : unheard;
    return DispatchReply.encode(reply).finish();
  });
  bus.subscribe(subjects.down(node, "cancel"), async (payload) =>
    DispatchReply.encode(await attempts.cancel(payload)).finish(),
  );
  const bell = new Bell();
  bus.subscribe(subjects.down(node, "greet"), async (payload) =>
    DispatchReply.encode(answerGreet(context, bell, payload)).finish(),
  );
  bus.subscribe(subjects.down(node, "update"), async (payload) =>
    DispatchReply.encode(await context.updater.command(payload)).finish(),
  );
  const greeted = await greet(context, bus, door, ended);
  const rotation = new Rotation(context, bus, bell);
  if (greeted.rotates) rotation.ask();
  const send = (batch: Uint8Array, timeoutMs: number) =>
    bus.request(subjects.up(node, "events"), batch, timeoutMs);
  await Promise.all([
    pump.run(send, ended),
    beat(context, bus, { door, bell, rotation }, greeted.heartbeatMs, ended),
    tellFacts(context, bus, greeted.facts, ended),
    context.witness.run(bus, ended),
  ]);
}

/** The coordinator waits no longer for the answer, and will send the dispatch again. */
const unheard: DispatchReply = {
  refusals: [],
  problems: [problem("UNREACHABLE", "the node has not been greeted yet")],
};

/** Whoever is on the bus may ask, but for the coordinator's signature: a hello costs something. */
function answerGreet(
  { host, node, coordinatorKey }: SessionContext,
  bell: Bell,
  payload: Uint8Array,
): DispatchReply {
  try {
    openSigned(host.crypto, coordinatorKey, subjects.down(node, "greet"), payload);
    bell.ring();
    return { refusals: [], problems: [] };
  } catch (error) {
    if (error instanceof CohortError) return { refusals: [], problems: [...error.problems] };
    throw error;
  }
}

/** What a hello told, and what it was answered. */
interface Greeted {
  readonly heartbeatMs: number;
  readonly facts: Facts;
  /** Whether the node's keys are to be replaced. */
  readonly rotates: boolean;
}

/** Until the coordinator has answered. */
async function greet(
  context: SessionContext,
  bus: Bus,
  door: Door,
  ended: AbortSignal,
): Promise<Greeted> {
  for (let failures = 0; !ended.aborted; failures++) {
    try {
      return await hello(context, bus, door);
    } catch (error) {
      if (failures === 0) report(context, error);
    }
    const { retryDelayMsMin, retryDelayMsMax } = agentLimits;
    await delay(backoffMs(context.host, failures, retryDelayMsMin, retryDelayMsMax), ended);
  }
  return { heartbeatMs: limits.heartbeatMs, facts: context.facts(), rotates: false };
}

/** Only the coordinator's yes opens the door: what was not answered may yet be read. */
async function hello(context: SessionContext, bus: Bus, door: Door): Promise<Greeted> {
  const { node, attempts, journal, clock, updater } = context;
  const facts = context.facts();
  door.shut();
  const session = await beginSession(node, bus);
  // What the inventory says must still be so after a power loss.
  await journal.sync();
  const { instance, keys, host } = context;
  const signer = keys.current;
  const claim = helloProof({ node, session, instance });
  const request = Hello.encode({
    facts,
    inventory: attempts.inventory(),
    session,
    instance,
    update: updater.report,
    releaseKey: updater.releaseKey,
    proof: host.crypto.sign(claim, signer.sign.secretKey),
  }).finish();
  const subject = subjects.up(node, "hello");
  const reply = HelloReply.decode(await bus.request(subject, request, agentLimits.requestMsMax));
  if (reply.problems.length > 0) throw new CohortError(reply.problems);
  clock.correct(reply.nowMs);
  attempts.supersede(reply.superseded);
  settleUpdate(context, reply);
  door.open();
  if (reply.userJwt !== "") keys.renewCredential(reply.userJwt);
  const rotates = reply.rotate || keys.isPending;
  return { heartbeatMs: reply.heartbeatMs || limits.heartbeatMs, facts, rotates };
}

/** Neither may keep the node from its work: a disk that is full, keys that are not those it trusts. */
function settleUpdate(context: SessionContext, { releaseKeys }: HelloReply): void {
  try {
    context.updater.greeted();
    if (releaseKeys !== undefined) context.updater.learnKeys(releaseKeys);
  } catch (error) {
    report(context, error);
  }
}

/** From its answer on, the coordinator refuses every hello that was sent before. */
async function beginSession(node: string, bus: Bus): Promise<number> {
  const request = SessionRequest.encode({}).finish();
  const subject = subjects.up(node, "session");
  const { problems, session } = SessionReply.decode(
    await bus.request(subject, request, agentLimits.requestMsMax),
  );
  if (problems.length > 0) throw new CohortError(problems);
  return session;
}

/**
 * Heartbeats, spread by a tenth so that a fleet does not beat as one. Hello again when this node
 * fell silent for so long that it was given up (a suspended board), its credential gets old, or the
 * coordinator asks for it.
 */
async function beat(
  context: SessionContext,
  bus: Bus,
  {
    door,
    bell,
    rotation,
  }: { readonly door: Door; readonly bell: Bell; readonly rotation: Rotation },
  heartbeatMs: number,
  ended: AbortSignal,
): Promise<void> {
  const { host, node, instance, attempts, clock } = context;
  let last = host.monotonic();
  while (!ended.aborted) {
    const running = attempts.running;
    const uptimeMs = Math.round(host.monotonic());
    const message = Heartbeat.encode({ running, uptimeMs, instance }).finish();
    bus.publish(subjects.up(node, "heartbeat"), message);
    const rung = await bell.wait(heartbeatMs * (0.9 + 0.2 * randomFraction(host)), ended);
    const silentMs = host.monotonic() - last;
    last = host.monotonic();
    const rotated = ended.aborted ? null : await rotation.go();
    if (rotated !== null) report(context, rotated);
    const due = credentialIsDue(context.keys.enrolment.userJwt, clock.now());
    const greeted = !rung && door.isOpen && silentMs < limits.nodeSilenceMsMax && !due;
    if (ended.aborted || greeted) continue;
    try {
      if ((await hello(context, bus, door)).rotates) rotation.ask();
    } catch (error) {
      report(context, error);
    }
  }
}

/** What has changed of the machine and its update, after the hello that told of it first. */
async function tellFacts(
  { host, node, facts, updater, news }: SessionContext,
  bus: Bus,
  greeted: Facts,
  ended: AbortSignal,
): Promise<void> {
  let told = greeted;
  let toldMs = host.monotonic();
  let isAsked = false;
  while (!ended.aborted) {
    const waitMs = agentLimits.factsCheckMs * (0.9 + 0.2 * randomFraction(host));
    isAsked = (await news.wait(waitMs, ended)) || isAsked;
    const now = facts();
    const nowMs = host.monotonic();
    if (ended.aborted || !(isAsked || isNews(told, now, nowMs - toldMs))) continue;
    const request = FactsReport.encode({ facts: now, update: updater.report }).finish();
    const subject = subjects.up(node, "facts");
    try {
      const answer = await bus.request(subject, request, agentLimits.requestMsMax);
      if (FactsReply.decode(answer).problems.length > 0) continue;
    } catch (error) {
      // Not heard: it is as new at the next look.
      if (error instanceof CohortError) continue;
      throw error;
    }
    told = now;
    toldMs = nowMs;
    isAsked = false;
  }
}

function report(context: SessionContext, error: unknown): void {
  const reason = error instanceof Error ? error.message : String(error);
  context.host.writeError(`cohort-agent: hello: ${reason}\n`);
}
