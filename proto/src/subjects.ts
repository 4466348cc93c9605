import { limits } from "./limits.ts";

/**
 * NATS subjects. A node's JWT allows exactly: publish `mesh.up.<node>.>`, subscribe
 * `mesh.down.<node>.>` and `_INBOX_<node>.>`. An invite's allows: publish `mesh.enrol.<invite>`,
 * subscribe `_INBOX_<invite>.>`.
 */
export type UpVerb =
  | "session"
  | "hello"
  | "rotate"
  | "heartbeat"
  | "facts"
  | "witness"
  | "release"
  | "events"
  | "renew"
  | "proxy"
  | "call"
  | "put"
  | "get";
export type DownVerb = "cancel" | "greet" | "update" | "keys" | "witness";

export const subjects = {
  enrol: (invite: string) => `mesh.enrol.${invite}`,
  up: (node: string, verb: UpVerb) => `mesh.up.${node}.${verb}`,
  down: (node: string, verb: DownVerb) => `mesh.down.${node}.${verb}`,
  /** For one life of the agent's process: a copy of its disk is not handed the same work. */
  dispatch: (node: string, instance: string) => `mesh.down.${node}.dispatch.${instance}`,
  inboxPrefix: (owner: string) => `_INBOX_${owner}`,
  /** Where the answers to one proxied call go; `connection` is by chance, `call` counts. */
  callInbox: (owner: string, connection: string, call: number | "*") =>
    `_INBOX_${owner}.call.${connection}.${call}`,
  /** What the coordinator listens to. */
  everyUp: (verb: UpVerb) => `mesh.up.*.${verb}`,
  everyEnrol: "mesh.enrol.*",
} as const;

/** Owner and verb of `mesh.<direction>.<owner>.<verb>`; the third token is the owner always. */
export function ownerOf(subject: string): string {
  return subject.split(".")[2] ?? "";
}

/**
 * A reply may only go to the sender's own inbox: a node that names another subject as its reply
 * would have the coordinator publish there with its own rights.
 */
export function replyBelongsTo(owner: string, reply: string | undefined): boolean {
  return reply?.startsWith(`${subjects.inboxPrefix(owner)}.`) ?? false;
}

/** Names of nodes, workflows and other resources: a DNS label in lower case. */
export const namePattern = new RegExp(
  `^[a-z0-9](?:[a-z0-9-]{0,${limits.nameLengthMax - 2}}[a-z0-9])?$`,
);

export function isName(text: string): boolean {
  return namePattern.test(text);
}
