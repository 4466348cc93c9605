import { createHash, randomBytes } from "node:crypto";
import {
  type AttemptKey,
  Dispatch,
  Dispatches,
  DispatchReply,
  EventAck,
  EventBatch,
  Heartbeat,
  Hello,
  HelloReply,
  type NodeEvent,
  ProxyReply,
  ProxyRequest,
  RenewReply,
  RenewRequest,
  SessionReply,
  Signed,
  SignedToken,
  TokenDelivery,
} from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { helloProof, requestProof } from "@cohort/proto/proof";
import { subjects, type UpVerb } from "@cohort/proto/subjects";
import { type Bus, joinBus } from "./bus.ts";
import { askToEnrol, facts } from "./enrolment.ts";
import type { TestMesh } from "./mesh.ts";
import { caOf } from "./mesh-place.ts";
import { RogueCall } from "./rogue-call.ts";
import { makeKeys, type RogueKeys, sodium } from "./rogue-keys.ts";
import { waitUntil } from "./wait-until.ts";

const requestMsMax = 20_000;

/** What a rogue node was told to run, and the token that came with it. */
export interface Assignment {
  readonly attempt: AttemptKey;
  /** null when the step was granted nothing. */
  readonly token: TokenDelivery | null;
}

/**
 * A node in a test's hand: enrolled for real, on the bus with its own keys and credential, and doing
 * nothing but what the test makes it do. It takes every dispatch and runs none.
 */
export class RogueNode {
  readonly assignments: Assignment[] = [];
  /** As of a process that was just started. */
  readonly instance = randomBytes(6).toString("base64url");
  readonly #calls = new Map<string, RogueCall>();
  #eventSeq = 0;
  readonly #heart: NodeJS.Timeout;

  private constructor(
    readonly name: string,
    readonly keys: RogueKeys,
    readonly bus: Bus,
    /** Of its enrolment. */
    readonly userJwt: string,
    readonly servers: readonly string[],
  ) {
    bus.connection.subscribe(subjects.dispatch(name, this.instance), {
      callback: (_, message) => {
        this.assignments.push(...this.#read(Signed.decode(message.data)));
        message.respond(DispatchReply.encode({ problems: [], refusals: [] }).finish());
      },
    });
    bus.connection.subscribe(subjects.callInbox(name, this.instance, "*"), {
      callback: (_, message) => this.#calls.get(message.subject)?.hear(message),
    });
    this.#heart = setInterval(() => this.#beat(), limits.heartbeatMs);
  }

  /** Invites the node, enrols it and greets the coordinator. */
  static async start(mesh: TestMesh, name: string): Promise<RogueNode> {
    const keys = makeKeys();
    const { joinToken } = await mesh.client.call(mesh.client.nodes, mesh.client.nodes.invite, {
      name,
      labels: {},
    });
    const { userJwt, problems, servers } = await askToEnrol(mesh, joinToken, keys);
    if (problems.length > 0) throw new Error(`${name} was refused: ${problems[0]?.code}`);
    const identity = { owner: name, jwt: userJwt, seed: keys.natsSeed };
    const bus = await joinBus({ servers, ca: caOf(mesh) }, identity);
    const node = new RogueNode(name, keys, bus, userJwt, servers);
    await node.hello();
    return node;
  }

  /** Another process with the same keys, as on a disk that was copied; it has not said hello. */
  async copy(mesh: TestMesh): Promise<RogueNode> {
    const { name, keys, userJwt, servers } = this;
    const identity = { owner: name, jwt: userJwt, seed: keys.natsSeed };
    const bus = await joinBus({ servers, ca: caOf(mesh) }, identity);
    return new RogueNode(name, keys, bus, userJwt, servers);
  }

  async close(): Promise<void> {
    clearInterval(this.#heart);
    await this.bus.connection.close();
  }

  async hello(): Promise<HelloReply> {
    const inventory = this.assignments.map(({ attempt }) => ({ attempt, state: "running" }));
    const { session } = SessionReply.decode(await this.ask("session", new Uint8Array()));
    const message = helloProof({ node: this.name, session, instance: this.instance });
    const proof = sodium.crypto_sign_detached(message, this.keys.sign.privateKey);
    const hello = Hello.fromPartial({ facts, inventory, session, instance: this.instance, proof });
    return HelloReply.decode(await this.ask("hello", Hello.encode(hello).finish()));
  }

  /** The assignment for the step's latest attempt of a run, once it came. */
  async assigned(run: string, step: string, attempt = 1): Promise<Assignment> {
    const find = () =>
      this.assignments.find(
        ({ attempt: it }) => it.run === run && it.step === step && it.attempt === attempt,
      );
    return waitUntil(find, requestMsMax);
  }

  /** An honest request of the token's holder; `changes` are made before it is signed. */
  request(token: string, seq: number, changes: Partial<ProxyRequest> = {}): ProxyRequest {
    const body = Buffer.from(JSON.stringify({ title: `request ${seq}` }));
    const headers = [{ name: "content-type", value: "application/json" }];
    const what = { service: "desk", method: "POST", path: "/tickets" };
    const plain = { ...what, headers, body, more: false };
    return this.signed({ token, seq, atMs: Date.now(), ...plain, ...changes });
  }

  /** The request with a proof by this node's own key. */
  signed(request: Omit<ProxyRequest, "proof">): ProxyRequest {
    const bodyHash = createHash("sha256").update(request.body).digest();
    const message = requestProof({ ...request, bodyHash });
    return { ...request, proof: sodium.crypto_sign_detached(message, this.keys.sign.privateKey) };
  }

  /** The whole answer, as one. */
  async proxy(request: ProxyRequest): Promise<ProxyReply> {
    const replies = await this.call(request).rest();
    return ProxyReply.fromPartial({
      problems: replies.flatMap(({ problems }) => problems),
      status: Math.max(...replies.map(({ status }) => status)),
      headers: replies.flatMap(({ headers }) => headers),
      body: Buffer.concat(replies.map(({ body }) => body)),
    });
  }

  /** Opens a call, which the test then leads on by hand. */
  call(request: ProxyRequest): RogueCall {
    const inbox = subjects.callInbox(this.name, this.instance, this.#calls.size + 1);
    const call = new RogueCall(this, inbox, ProxyRequest.encode(request).finish());
    this.#calls.set(inbox, call);
    return call;
  }

  async renew(attempt: AttemptKey): Promise<RenewReply> {
    return RenewReply.decode(await this.ask("renew", RenewRequest.encode({ attempt }).finish()));
  }

  /** Reports that the attempt ended. */
  async finish(attempt: AttemptKey, outcome: "succeeded" | "failed"): Promise<EventAck> {
    const code = outcome === "failed" ? "STEP_EXIT" : "";
    const value = { outcome, code, exit: 0, message: "", outputJson: "", usage: undefined };
    const event: NodeEvent["event"] = { $case: "finished", value };
    const events = [{ seq: ++this.#eventSeq, atMs: Date.now(), attempt, event }];
    return EventAck.decode(await this.ask("events", EventBatch.encode({ events }).finish()));
  }

  async ask(verb: UpVerb, payload: Uint8Array): Promise<Uint8Array> {
    const subject = subjects.up(this.name, verb);
    const reply = await this.bus.connection.request(subject, payload, { timeout: requestMsMax });
    return reply.data;
  }

  /** Opens what is sealed to this node; null when it is not. */
  open(sealed: Uint8Array): TokenDelivery | null {
    if (sealed.length === 0) return null;
    const { publicKey, privateKey } = this.keys.box;
    const opened = sodium.crypto_box_seal_open(sealed, publicKey, privateKey);
    return TokenDelivery.decode(SignedToken.decode(opened).payload);
  }

  #read({ payload }: Signed): Assignment[] {
    return Dispatches.decode(payload).dispatches.map((bytes) => {
      const { attempt, sealedToken } = Dispatch.decode(bytes);
      if (attempt === undefined) throw new Error("a dispatch without an attempt");
      return { attempt, token: this.open(sealedToken) };
    });
  }

  #beat(): void {
    if (this.bus.connection.isClosed()) return;
    const beat = Heartbeat.encode({
      running: this.assignments.length,
      uptimeMs: 0,
      instance: this.instance,
    }).finish();
    this.bus.connection.publish(subjects.up(this.name, "heartbeat"), beat);
  }
}
