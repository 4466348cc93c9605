import { randomBytes } from "node:crypto";
import type {
  AttemptKey,
  BodyPiece,
  ProxyReply,
  ProxyRequest,
} from "@cohort/proto/gen/cohort/node";
import { refuse } from "@cohort/proto/problem";
import { pieceProof, requestProof } from "@cohort/proto/proof";
import type { Budget } from "@cohort/proto/resources/budget";
import type { Service } from "@cohort/proto/resources/service";
import { applyBudget, type BudgetState, emptyBudget } from "../../src/budget/budget.ts";
import { sleep } from "../../src/dispatch/sleep.ts";
import { sha256 } from "../../src/ledger/crypto.ts";
import { createEgress, type Egress } from "../../src/proxy/egress/egress.ts";
import type { Resolve } from "../../src/proxy/egress/resolve.ts";
import { type CallWriter, createProxy, type VaultProxy } from "../../src/proxy/proxy.ts";
import type { Caller } from "../../src/scheduler/caller.ts";
import type { Decision } from "../../src/state/decision.ts";
import type { Event } from "../../src/state/event.ts";
import { verifyRequest } from "../../src/tokens/request.ts";
import { createTokenKeys, issueToken, openToken } from "../../src/tokens/token.ts";
import { sodium } from "../../src/vault/sodium.ts";
import { TestChannel } from "./test-channel.ts";

export const secret = "sk-live-7f3a/+Zq9==_x";
export const nowMs = Date.UTC(2026, 10, 22, 12);
export const attempt: AttemptKey = {
  run: "01JD9V8Z5N4QJ9W8X7Y6Z5A4B3",
  step: "ask",
  instance: 0,
  attempt: 1,
};

/** A writer without a disk; `failing` makes its appends fail from then on. */
export class TestWriter implements CallWriter {
  readonly state: { readonly budget: BudgetState } = { budget: emptyBudget() };
  /** What became durable, in order. */
  readonly durable: Event[] = [];
  failing = false;
  /** Called before an append succeeds. */
  onAppend: (events: readonly Event[]) => void = () => {};

  async decide<T>(
    decision: (state: { readonly budget: BudgetState }, nowMs: number) => Decision<T>,
  ): Promise<T> {
    const { events, value } = decision(this.state, nowMs);
    if (events.length === 0) return value;
    for (const event of events) {
      applyBudget(
        this.state.budget,
        { seq: this.durable.length + 1, atMs: nowMs, event },
        () => null,
      );
    }
    await new Promise((resolve) => setImmediate(resolve));
    this.onAppend(events);
    if (this.failing) throw refuse("LEDGER_UNWRITABLE", "the disk is full");
    this.durable.push(...events);
    return value;
  }

  /** Events of one kind that became durable. */
  of<Case extends Event["$case"]>($case: Case): ValueOf<Case>[] {
    return this.durable
      .filter((event) => event.$case === $case)
      .map((event) => event.value as ValueOf<Case>);
  }
}

type ValueOf<Case extends Event["$case"]> = Extract<Event, { $case: Case }>["value"];

/** A secret store of one secret, granted to service "desk"; it wipes what it lends. */
export class TestVault {
  value: string | null = secret;
  sealed = false;

  async withSecret<T>(
    _path: string,
    { service }: { readonly service: string },
    use: (value: Buffer) => Promise<T>,
  ): Promise<T> {
    if (this.value === null || service !== "desk") {
      throw refuse("SECRET_UNAVAILABLE", "the secret is not available", { hint: "set it" });
    }
    const value = Buffer.from(this.value);
    try {
      return await use(value);
    } finally {
      value.fill(0);
    }
  }

  keyedHash(purpose: string, bytes: Uint8Array): Uint8Array {
    return sha256(Buffer.concat([Buffer.from(purpose), bytes]));
  }
}

const keys = createTokenKeys({
  mesh: "01JD9V8Z5N4QJ9W8X7Y6Z5A4B3",
  derive: () => randomBytes(32),
  ids: ["1"],
});
const nodeKeys = sodium.crypto_sign_keypair();

export interface MeshOptions {
  readonly port: number;
  readonly ca?: string;
  readonly service?: Partial<Service>;
  readonly budgets?: readonly (Partial<Budget> & Pick<Budget, "name" | "limit">)[];
  readonly resolve?: Resolve;
  readonly ownAddresses?: readonly string[];
}

/** The proxy with all that it needs: one node, one run of workflow "press", one service "desk". */
export class TestMesh {
  readonly writer = new TestWriter();
  readonly vault = new TestVault();
  readonly faults: unknown[] = [];
  readonly egress: Egress;
  readonly proxy: VaultProxy;
  service: Service | null;
  live = true;
  revoked = false;
  /** What the proxy takes for the time; tokens and proofs are of `nowMs`. */
  nowMs = nowMs;
  calling: Caller | null = {
    site: "",
    workflow: "press",
    runCeilingNanoUsd: null,
    stepCeilingNanoUsd: null,
    agent: "",
    above: [],
  };
  #seq = 0;
  #calls = 0;

  constructor(options: MeshOptions) {
    this.service = deskService(options);
    this.egress = createEgress({
      resolve: options.resolve ?? (async () => ["127.0.0.1"]),
      ownAddresses: () => options.ownAddresses ?? [],
    });
    this.proxy = createProxy({
      writer: this.writer,
      vault: this.vault,
      egress: this.egress,
      tokens: {
        openToken: (token) => openToken(keys, token, nowMs),
        verifyRequest: (_node, request) => verifyRequest(request, nodeKeys.publicKey, nowMs),
      },
      nowMs: () => this.nowMs,
      sleep,
      newId: () => `call${++this.#calls}`,
      nodeIsEnrolled: (node) => node === "board" || node === "other",
      assertNotBarred: () => {},
      attemptIsLive: (_attempt, node) => this.live && (node === "board" || node === ""),
      tokenIsRevoked: () => this.revoked,
      service: (name) => (name === "desk" ? this.service : null),
      calling: () => this.calling,
      onFault: (error) => this.faults.push(error),
    });
    this.#define(options.budgets ?? []);
  }

  /** A request as an honest node makes it, but for what a test changes before it is signed. */
  request(rest: Partial<ProxyRequest> = {}): ProxyRequest {
    const fields = {
      token: token(),
      seq: ++this.#seq,
      atMs: nowMs,
      service: "desk",
      method: "POST",
      path: "/tickets",
      headers: [{ name: "content-type", value: "application/json" }],
      more: false,
      body: Buffer.from(rest.method === "GET" ? "" : '{"title":"loud"}'),
      ...rest,
    };
    return { ...fields, proof: sign(requestProof({ ...fields, bodyHash: sha256(fields.body) })) };
  }

  /** Pieces as an honest node signs them, each upon the proof before it. */
  pieces({ proof }: ProxyRequest, ...all: readonly Uint8Array[]): BodyPiece[] {
    let former = proof;
    return all.map((data, at) => {
      const last = at === all.length - 1;
      former = sign(pieceProof({ former, last, dataHash: sha256(data) }));
      return { data, last, proof: former };
    });
  }

  fetch(rest: Partial<ProxyRequest> = {}): Promise<ProxyReply> {
    return this.ask("board", this.request(rest));
  }

  /** The answer as one, whatever pieces it came in. */
  async ask(node: string, request: ProxyRequest): Promise<ProxyReply> {
    const channel = new TestChannel();
    await this.proxy.fromNode(node, request, channel);
    return channel.whole;
  }

  get(path: string): Promise<ProxyReply> {
    return this.fetch({ method: "GET", path });
  }

  /** Posted and held on a budget today. */
  sum(budget: string): { posted: number; held: number } {
    const sum = this.writer.state.budget.accounts.get(`budget/${budget}`)?.get("day/2026-11-22");
    return { posted: sum?.postedNanoUsd ?? 0, held: sum?.heldNanoUsd ?? 0 };
  }

  #define(budgets: readonly (Partial<Budget> & Pick<Budget, "name" | "limit">)[]): void {
    const resources = budgets.map((budget) => {
      const whole = { kind: "budget", scope: "mesh", window: "day", timezone: "UTC", ...budget };
      const definitionJson = JSON.stringify(whole);
      return { kind: "budget", name: budget.name, version: "", definitionJson };
    });
    const event: Event = { $case: "resourcesApplied", value: { actor: "test", resources } };
    applyBudget(this.writer.state.budget, { seq: 0, atMs: nowMs, event }, () => null);
  }
}

function sign(message: Uint8Array): Uint8Array {
  return sodium.crypto_sign_detached(message, nodeKeys.privateKey);
}

export function token(services: string[] = ["desk"], node = "board"): string {
  const claims = {
    id: "01JD9V8Z5N4QJ9W8X7Y6Z5A4B4",
    node,
    attempt,
    services,
    issuedMs: nowMs,
    expiresMs: nowMs + 60_000,
  };
  return issueToken({ keys, claims });
}

function deskService({ port, ca, service }: MeshOptions): Service {
  return {
    kind: "service",
    name: "desk",
    base_url: `https://localhost:${port}`,
    auth: { type: "header", header: "x-api-key", secret: "desk/api-key" },
    allow: [{ methods: ["GET", "POST", "HEAD"], path: "/**" }],
    addresses: ["127.0.0.1/32", "::1/128"],
    ...(ca === undefined ? {} : { ca }),
    pricing: { per_call: 10 },
    limits: { timeout: 2_000, request: 10_000, response: 10_000 },
    ...service,
  };
}

/** First problem's code, or "". */
export function codeOf(reply: Pick<ProxyReply, "problems">): string {
  return reply.problems[0]?.code ?? "";
}

export function textOf(reply: Pick<ProxyReply, "body">): string {
  return Buffer.from(reply.body).toString();
}
