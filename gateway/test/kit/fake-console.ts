import { type ErrorCode, errors } from "@cohort/proto/errors";
import {
  type AcknowledgePublicationRequest,
  AgentsService,
  ApprovalsService,
  ArtifactsService,
  BudgetsService,
  EventsService,
  LedgerService,
  NodesService,
  type PublicationOffer,
  ResourcesService,
  RunsService,
  SchedulesService,
  SecretsService,
  type SubmitEventRequest,
  TokensService,
  type TriggerSet,
  VaultService,
} from "@cohort/proto/gen/cohort/console";
import { Problems } from "@cohort/proto/gen/cohort/problem";
import { problem } from "@cohort/proto/problem";
import {
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServerWritableStream,
  type ServiceError,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type { Context } from "../../src/console-client/context.ts";
import { type Certificates, makeCertificates } from "./certificates.ts";

export const token = "test-token";

/** What a test answers with, by "Service.method"; a thrown Refusal becomes a gRPC error. */
export type Handlers = Record<string, (request: never) => unknown>;

/** A console service over real TLS and gRPC, which answers what a test tells it to. */
export interface FakeConsole {
  readonly context: Context;
  readonly requests: { readonly method: string; readonly request: unknown }[];
  readonly submitted: SubmitEventRequest[];
  handlers: Handlers;
  /** What gateways said became of messages. */
  readonly acknowledged: AcknowledgePublicationRequest[];
  setTriggers(set: TriggerSet): void;
  /** To every gateway that watches for publications. */
  offer(offer: PublicationOffer): void;
  /** How many do. */
  gateways(): number;
  /** Ends their streams. */
  cutGateways(): void;
  stop(): Promise<void>;
}

export async function startFakeConsole(
  options: { readonly port?: number; readonly certificates?: Certificates } = {},
): Promise<FakeConsole> {
  const certificates = options.certificates ?? (await makeCertificates());
  const watchers = new Set<ServerWritableStream<unknown, TriggerSet>>();
  const publishers = new Set<ServerWritableStream<unknown, unknown>>();
  let triggers: TriggerSet = { mqtt: [], webhooks: [] };
  const fake: Omit<FakeConsole, "context"> = {
    requests: [],
    submitted: [],
    acknowledged: [],
    handlers: {},
    setTriggers(set) {
      triggers = set;
      for (const watcher of watchers) watcher.write(set);
    },
    offer(offer) {
      for (const publisher of publishers) publisher.write(offer);
    },
    gateways: () => publishers.size,
    cutGateways() {
      for (const publisher of publishers) publisher.end();
      publishers.clear();
    },
    stop: async () => server.forceShutdown(),
  };

  const server = new Server();
  const add = (name: string, definition: object) => {
    const methods = Object.entries(definition) as [string, { responseStream: boolean }][];
    const implementation: UntypedServiceImplementation = {};
    for (const [method, { responseStream }] of methods) {
      const full = `${name}.${method}`;
      implementation[method] = responseStream ? streaming(full) : unary(full);
    }
    server.addService(definition as never, implementation);
  };
  const answer = (full: string, metadata: Metadata, request: unknown): unknown => {
    if (metadata.get("authorization")[0] !== `Bearer ${token}`)
      throw new Refusal("UNAUTHENTICATED");
    fake.requests.push({ method: full, request });
    const handler = fake.handlers[full];
    if (handler === undefined) throw new Refusal("INTERNAL");
    return handler(request as never);
  };
  const unary =
    (full: string): handleUnaryCall<unknown, unknown> =>
    (call, reply) => {
      try {
        if (full === "Events.submit" && fake.handlers[full] === undefined) {
          fake.submitted.push(call.request as SubmitEventRequest);
          return reply(null, { run: `run-${fake.submitted.length}`, existing: false });
        }
        if (full === "Events.acknowledgePublication" && fake.handlers[full] === undefined) {
          fake.acknowledged.push(call.request as AcknowledgePublicationRequest);
          return reply(null, {});
        }
        reply(null, answer(full, call.metadata, call.request));
      } catch (error) {
        reply(asServiceError(error));
      }
    };
  const streaming = (full: string) => async (call: ServerWritableStream<unknown, unknown>) => {
    try {
      if (full === "Events.watchTriggers") {
        watchers.add(call as ServerWritableStream<unknown, TriggerSet>);
        call.on("cancelled", () =>
          watchers.delete(call as ServerWritableStream<unknown, TriggerSet>),
        );
        call.write(triggers);
        return;
      }
      if (full === "Events.watchPublications") {
        publishers.add(call);
        call.on("cancelled", () => publishers.delete(call));
        return;
      }
      for (const message of answer(full, call.metadata, call.request) as Iterable<unknown>) {
        call.write(message);
        await new Promise((next) => setImmediate(next));
      }
      call.end();
    } catch (error) {
      call.emit("error", asServiceError(error));
    }
  };
  add("Resources", ResourcesService);
  add("Runs", RunsService);
  add("Schedules", SchedulesService);
  add("Artifacts", ArtifactsService);
  add("Nodes", NodesService);
  add("Agents", AgentsService);
  add("Secrets", SecretsService);
  add("Vault", VaultService);
  add("Tokens", TokensService);
  add("Budgets", BudgetsService);
  add("Ledger", LedgerService);
  add("Approvals", ApprovalsService);
  add("Events", EventsService);

  const pair = {
    private_key: Buffer.from(certificates.key),
    cert_chain: Buffer.from(certificates.certificate),
  };
  const port = await new Promise<number>((accept, reject) =>
    server.bindAsync(
      `127.0.0.1:${options.port ?? 0}`,
      ServerCredentials.createSsl(null, [pair]),
      (error, taken) => (error === null ? accept(taken) : reject(error)),
    ),
  );
  return Object.assign(fake, {
    context: { endpoint: `localhost:${port}`, ca: certificates.ca, token },
  });
}

/** What a handler throws to have the call refused as the coordinator would. */
export class Refusal extends Error {
  constructor(
    readonly code: ErrorCode,
    readonly text = `refused with ${code}`,
    readonly hint = "",
  ) {
    super(text);
  }
}

function asServiceError(error: unknown): ServiceError {
  const refusal = error instanceof Refusal ? error : new Refusal("INTERNAL", String(error));
  const metadata = new Metadata();
  const problems = [problem(refusal.code, refusal.text, { hint: refusal.hint })];
  metadata.set("cohort-problems-bin", Buffer.from(Problems.encode({ problems }).finish()));
  const details = refusal.text;
  return Object.assign(new Error(details), {
    code: status[errors[refusal.code].grpc],
    details,
    metadata,
  });
}
