import {
  type Cancel,
  type Dispatch,
  EnrolReply,
  type EnrolRequest,
  EventAck,
  type EventBatch,
  FactsReply,
  type FactsReport,
  GetReply,
  type GetRequest,
  type Heartbeat,
  type Hello,
  HelloReply,
  type ProxyRequest,
  PutReply,
  type PutRequest,
  ReleaseReply,
  type ReleaseRequest,
  RenewReply,
  type RenewRequest,
  RotateReply,
  type RotateRequest,
  SessionReply,
  type Update,
  WitnessReply,
  type WitnessRequest,
} from "@cohort/proto/gen/cohort/node";
import { type Problem, problem, refuse } from "@cohort/proto/problem";
import { subjects } from "@cohort/proto/subjects";
import type { Subscription } from "@nats-io/nats-core";
import type { Logger } from "pino";
import type { CallChannel } from "../proxy/channel.ts";
import { createAdmission } from "./admission.ts";
import { Calls } from "./calls.ts";
import { Commands, type SignCommand } from "./command.ts";
import { createComplaints } from "./complaints.ts";
import { connectNats, type NatsAddress, watch } from "./connection.ts";
import { inputs } from "./inputs.ts";
import { meshLimits } from "./limits.ts";
import { Outbox } from "./outbox.ts";
import { Questions } from "./questions.ts";
import { hear, type ServeContext, serve } from "./serve.ts";

/**
 * What the coordinator does when nodes ask. A CohortError that is thrown becomes the problems of
 * the reply; anything else becomes INTERNAL without detail, and is logged.
 */
export interface MeshHandlers {
  /**
   * `invite` is the one that nats-server verified; the request's own field is the sender's claim.
   */
  enrol(request: EnrolRequest, invite: string): Promise<EnrolReply>;
  session(node: string): Promise<SessionReply>;
  hello(node: string, hello: Hello): Promise<HelloReply>;
  rotate(node: string, request: RotateRequest): Promise<RotateReply>;
  heartbeat(node: string, beat: Heartbeat): void;
  facts(node: string, report: FactsReport): Promise<FactsReply>;
  events(node: string, batch: EventBatch): Promise<EventAck>;
  renew(node: string, request: RenewRequest): Promise<RenewReply>;
  /** Answers over the channel. */
  proxy(node: string, request: ProxyRequest, channel: CallChannel): Promise<void>;
  put(node: string, request: PutRequest): Promise<PutReply>;
  get(node: string, request: GetRequest): Promise<GetReply>;
  release(node: string, request: ReleaseRequest): Promise<ReleaseReply>;
  witness(node: string, request: WitnessRequest): Promise<WitnessReply>;
}

/** The coordinator's place on the bus. */
export interface Mesh {
  /**
   * The node's answer to each, in their order: no problems when it has taken the attempt. UNREACHABLE
   * means that it may or may not have been heard.
   */
  dispatch(node: string, dispatches: readonly Dispatch[]): Promise<readonly (readonly Problem[])[]>;
  /** Throws UNREACHABLE, or the problems of the node's answer. */
  cancel(node: string, cancel: Cancel): Promise<void>;
  /** Asks every process that has the node's keys to say hello. */
  greet(node: string): Promise<void>;
  /** Resolves when the node has taken it up. Throws as `cancel`. */
  update(node: string, update: Update): Promise<void>;
  /** Hears no more, answers what it has heard (within meshLimits.closeWaitMs), and leaves. */
  close(): Promise<void>;
  /** False while nats-server is away; the connection is made again for ever. */
  readonly connected: boolean;
}

export interface MeshOptions extends NatsAddress {
  readonly handlers: MeshHandlers;
  readonly sign: SignCommand;
  /** The process of a node that is handed work; "" for none. */
  readonly instanceOf: (node: string) => string;
  readonly log: Logger;
  /** Milliseconds; used for rates only. */
  readonly now: () => number;
}

/** Throws UNREACHABLE when the first connection cannot be made. */
export async function connectMesh(options: MeshOptions): Promise<Mesh> {
  const { handlers, sign, instanceOf, log, now } = options;
  const connection = await connectNats(options);
  const state = watch(connection, log);
  const outbox = new Outbox(connection);
  const context: ServeContext = {
    connection,
    outbox,
    admission: createAdmission(now),
    complaints: createComplaints(log, now),
    log,
    inFlight: new Set(),
  };
  const calls = new Calls(context, handlers);
  const subscriptions = [...serveAll(handlers, context), ...calls.serve()];
  const questions = new Questions(connection, outbox);
  const commands = new Commands(questions, sign, instanceOf);
  await connection.flush();
  return {
    get connected() {
      return state.connected;
    },
    async dispatch(node, dispatches) {
      if (state.connected) return commands.dispatch(node, dispatches);
      const away = problem("UNREACHABLE", "the coordinator is not connected to nats-server");
      return dispatches.map(() => [away]);
    },
    async cancel(node, cancel) {
      if (state.connected) return commands.cancel(node, cancel);
      throw refuse("UNREACHABLE", "the coordinator is not connected to nats-server");
    },
    async greet(node) {
      if (state.connected) await commands.greet(node);
    },
    async update(node, update) {
      if (state.connected) return commands.update(node, update);
      throw refuse("UNREACHABLE", "the coordinator is not connected to nats-server");
    },
    async close() {
      await close(context, subscriptions, calls);
      questions.close();
    },
  };
}

function serveAll(handlers: MeshHandlers, context: ServeContext): Subscription[] {
  return [
    serve(context, {
      verb: "enrol",
      subject: subjects.everyEnrol,
      read: inputs.enrol,
      handle: (invite, request) => handlers.enrol(request, invite),
      reply: EnrolReply,
    }),
    serve(context, {
      verb: "session",
      subject: subjects.everyUp("session"),
      read: inputs.session,
      handle: (node) => handlers.session(node),
      reply: SessionReply,
    }),
    serve(context, {
      verb: "hello",
      subject: subjects.everyUp("hello"),
      read: inputs.hello,
      handle: (node, hello) => handlers.hello(node, hello),
      reply: HelloReply,
    }),
    serve(context, {
      verb: "rotate",
      subject: subjects.everyUp("rotate"),
      read: inputs.rotate,
      handle: (node, request) => handlers.rotate(node, request),
      reply: RotateReply,
    }),
    serve(context, {
      verb: "facts",
      subject: subjects.everyUp("facts"),
      read: inputs.facts,
      handle: (node, report) => handlers.facts(node, report),
      reply: FactsReply,
    }),
    serve(context, {
      verb: "events",
      subject: subjects.everyUp("events"),
      read: inputs.events,
      handle: (node, batch) => handlers.events(node, batch),
      reply: EventAck,
    }),
    serve(context, {
      verb: "renew",
      subject: subjects.everyUp("renew"),
      read: inputs.renew,
      handle: (node, request) => handlers.renew(node, request),
      reply: RenewReply,
    }),
    serve(context, {
      verb: "put",
      subject: subjects.everyUp("put"),
      read: inputs.put,
      handle: (node, request) => handlers.put(node, request),
      reply: PutReply,
    }),
    serve(context, {
      verb: "get",
      subject: subjects.everyUp("get"),
      read: inputs.get,
      handle: (node, request) => handlers.get(node, request),
      reply: GetReply,
    }),
    serve(context, {
      verb: "release",
      subject: subjects.everyUp("release"),
      read: inputs.release,
      handle: (node, request) => handlers.release(node, request),
      reply: ReleaseReply,
    }),
    serve(context, {
      verb: "witness",
      subject: subjects.everyUp("witness"),
      read: inputs.witness,
      handle: (node, request) => handlers.witness(node, request),
      reply: WitnessReply,
    }),
    hear(context, {
      verb: "heartbeat",
      subject: subjects.everyUp("heartbeat"),
      read: inputs.heartbeat,
      handle: (node, beat) => handlers.heartbeat(node, beat),
    }),
  ];
}

/** Bounded, for nats-server may be gone or a handler stuck. */
async function close(
  { connection, inFlight, outbox }: ServeContext,
  subscriptions: readonly Subscription[],
  calls: Calls,
): Promise<void> {
  const finish = async () => {
    calls.breakOff();
    await Promise.all(subscriptions.map((it) => it.drain()));
    await Promise.allSettled(inFlight);
    outbox.flush();
    await connection.flush();
  };
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, meshLimits.closeWaitMs);
  });
  try {
    if (!connection.isClosed()) await Promise.race([finish().catch(() => {}), patience]);
  } finally {
    clearTimeout(timer);
    await connection.close();
  }
}
