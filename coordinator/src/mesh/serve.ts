import { limits } from "@cohort/proto/limits";
import { CohortError, type Problem, problem } from "@cohort/proto/problem";
import { isName, ownerOf, replyBelongsTo, type UpVerb } from "@cohort/proto/subjects";
import type { Msg, NatsConnection, Subscription } from "@nats-io/nats-core";
import type { Logger } from "pino";
import { isUlid } from "../ulid.ts";
import type { Admission } from "./admission.ts";
import type { Complaints } from "./complaints.ts";
import type { RequestVerb } from "./limits.ts";
import type { Outbox } from "./outbox.ts";

/** One kind of request: where it comes in, and how it becomes an answer. */
export interface Exchange<Request, Reply> {
  readonly verb: RequestVerb;
  readonly subject: string;
  /** Throws CohortError when the bytes are no such request. */
  readonly read: (payload: Uint8Array) => Request;
  readonly handle: (owner: string, request: Request) => Promise<Reply>;
  readonly reply: ReplyType<Reply>;
}

/** The protobuf type of an answer; each kind can carry problems instead. */
export interface ReplyType<Reply> {
  encode(reply: Reply): { finish(): Uint8Array };
  fromPartial(partial: { problems: Problem[] }): Reply;
}

export interface ServeContext {
  readonly connection: NatsConnection;
  readonly outbox: Outbox;
  /** Answers that are being worked on. */
  readonly inFlight: Set<Promise<void>>;
  readonly admission: Admission;
  readonly complaints: Complaints;
  readonly log: Logger;
}

/**
 * Answers the requests of one kind. nats-server vouches for the owner in the subject, and for
 * nothing else: the reply subject is the sender's choice, and whatever is outside its own inbox is
 * dropped.
 */
export function serve<Request, Reply>(
  context: ServeContext,
  exchange: Exchange<Request, Reply>,
): Subscription {
  return subscribe(context, exchange.subject, (message) => {
    const working = answer(exchange, message, context)
      .catch((error: unknown) => {
        context.log.error({ err: error, verb: exchange.verb }, "answer could not be sent");
      })
      .finally(() => context.inFlight.delete(working));
    context.inFlight.add(working);
  });
}

/** One kind of message that is not answered. */
export interface Notice<Message> {
  readonly verb: UpVerb;
  readonly subject: string;
  readonly read: (payload: Uint8Array) => Message;
  readonly handle: (owner: string, message: Message) => void;
}

export function hear<Message>(context: ServeContext, notice: Notice<Message>): Subscription {
  const { verb, subject, read, handle } = notice;
  return subscribe(context, subject, ({ subject: from, data }) => {
    const owner = ownerOf(from);
    try {
      if (isName(owner)) handle(owner, read(data));
    } catch (error) {
      context.complaints.about(owner, `${verb} dropped`, error);
    }
  });
}

export function subscribe(
  { connection, log }: ServeContext,
  subject: string,
  handle: (message: Msg) => void,
): Subscription {
  return connection.subscribe(subject, {
    callback: (error, message) => {
      if (error === null) handle(message);
      else log.error({ err: error, subject }, "subscription failed");
    },
  });
}

async function answer<Request, Reply>(
  exchange: Exchange<Request, Reply>,
  message: Msg,
  context: ServeContext,
): Promise<void> {
  const { verb } = exchange;
  const { outbox, admission } = context;
  const sender = senderOf(verb, message, context);
  if (sender === null) return;
  const { owner, inbox } = sender;
  const release = admission.admit(owner, verb);
  const reply =
    release === null
      ? exchange.reply.fromPartial({ problems: [tooMany] })
      : await handled(exchange, owner, message, context).finally(release);
  outbox.send(inbox, encoded(exchange, owner, reply, context));
}

/** Who sent a message, and where its answers go; null, and a complaint, when it may not be sent. */
export function senderOf(
  verb: RequestVerb,
  { subject, reply: inbox }: Msg,
  { complaints }: ServeContext,
): { readonly owner: string; readonly inbox: string } | null {
  const owner = ownerOf(subject);
  if (!isOwner(verb, owner)) {
    complaints.about(owner, `${verb} dropped: its sender is impossible`);
    return null;
  }
  if (inbox === undefined || !replyBelongsTo(owner, inbox)) {
    complaints.about(owner, `${verb} dropped: its reply is not to the sender's own inbox`);
    return null;
  }
  return { owner, inbox };
}

async function handled<Request, Reply>(
  { verb, read, handle, reply }: Exchange<Request, Reply>,
  owner: string,
  message: Msg,
  { complaints, log }: ServeContext,
): Promise<Reply> {
  try {
    return await handle(owner, read(message.data));
  } catch (error) {
    if (error instanceof CohortError) {
      if (error.code === "USAGE") complaints.about(owner, `${verb} refused: ${error.message}`);
      return reply.fromPartial({ problems: [...error.problems] });
    }
    log.error({ err: error, owner, verb }, "request failed");
    return reply.fromPartial({ problems: [internal] });
  }
}

function encoded<Request, Reply>(
  { verb, reply: type }: Exchange<Request, Reply>,
  owner: string,
  reply: Reply,
  { log }: ServeContext,
): Uint8Array {
  const bytes = type.encode(reply).finish();
  if (bytes.length <= limits.messageBytesMax) return bytes;
  log.error({ owner, verb, bytes: bytes.length }, "answer does not fit a message");
  return type.encode(type.fromPartial({ problems: [tooLarge] })).finish();
}

function isOwner(verb: RequestVerb, owner: string): boolean {
  return verb === "enrol" ? isUlid(owner) : isName(owner);
}

export const tooMany = problem("LIMIT_EXCEEDED", "too many requests at once", {
  hint: "Wait for answers, then send it again.",
});
const tooLarge = problem("LIMIT_EXCEEDED", "the answer does not fit a message of the bus");
export const internal = problem("INTERNAL", "the coordinator failed to answer", {
  hint: "Its log says why.",
});
