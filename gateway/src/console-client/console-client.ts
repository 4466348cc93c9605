import {
  AgentsClient,
  ApprovalsClient,
  ArtifactsClient,
  BudgetsClient,
  EventsClient,
  LedgerClient,
  NodesClient,
  ResourcesClient,
  RunsClient,
  SchedulesClient,
  SecretsClient,
  TokensClient,
  VaultClient,
} from "@cohort/proto/gen/cohort/console";
import { limits as shared } from "@cohort/proto/limits";
import {
  type CallOptions,
  type Client,
  type ClientReadableStream,
  credentials,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import { limits } from "../limits.ts";
import type { Context } from "./context.ts";
import { toCohortError } from "./problems.ts";

type Reply<Response> = (error: ServiceError | null, response: Response) => void;
type Unary<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: Partial<CallOptions>,
  reply: Reply<Response>,
) => { cancel(): void };
type Streaming<Request, Response> = (
  request: Request,
  metadata?: Metadata,
  options?: Partial<CallOptions>,
) => ClientReadableStream<Response>;

/** The console API over one TLS connection, with the context's token on every call. */
export class ConsoleClient {
  readonly resources: ResourcesClient;
  readonly runs: RunsClient;
  readonly schedules: SchedulesClient;
  readonly artifacts: ArtifactsClient;
  readonly nodes: NodesClient;
  readonly agents: AgentsClient;
  readonly secrets: SecretsClient;
  readonly vault: VaultClient;
  readonly tokens: TokensClient;
  readonly budgets: BudgetsClient;
  readonly ledger: LedgerClient;
  readonly approvals: ApprovalsClient;
  readonly events: EventsClient;
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
    const tls = credentials.createSsl(Buffer.from(context.ca));
    this.resources = new ResourcesClient(context.endpoint, tls, channelOptions);
    const sharing = { ...channelOptions, channelOverride: this.resources.getChannel() };
    this.runs = new RunsClient(context.endpoint, tls, sharing);
    this.schedules = new SchedulesClient(context.endpoint, tls, sharing);
    this.artifacts = new ArtifactsClient(context.endpoint, tls, sharing);
    this.nodes = new NodesClient(context.endpoint, tls, sharing);
    this.agents = new AgentsClient(context.endpoint, tls, sharing);
    this.secrets = new SecretsClient(context.endpoint, tls, sharing);
    this.vault = new VaultClient(context.endpoint, tls, sharing);
    this.tokens = new TokensClient(context.endpoint, tls, sharing);
    this.budgets = new BudgetsClient(context.endpoint, tls, sharing);
    this.ledger = new LedgerClient(context.endpoint, tls, sharing);
    this.approvals = new ApprovalsClient(context.endpoint, tls, sharing);
    this.events = new EventsClient(context.endpoint, tls, sharing);
  }

  /** One request, one answer. `method` is one of the service's. Throws CohortError. */
  async call<Request, Response>(
    service: Client,
    method: Unary<Request, Response>,
    request: Request,
    options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
  ): Promise<Response> {
    const deadline = Date.now() + (options.timeoutMs ?? limits.callTimeoutMs);
    let release = () => {};
    try {
      return await new Promise<Response>((accept, reject) => {
        const reply: Reply<Response> = (error, response) =>
          error === null ? accept(response) : reject(error);
        const call = method.call(service, request, this.#credential(), { deadline }, reply);
        release = whenAborted(options.signal, () => call.cancel());
      });
    } catch (error) {
      throw toCohortError(error, this.#context.endpoint);
    } finally {
      release();
    }
  }

  /** One request, many answers, until the server or the signal ends them. Throws CohortError. */
  async *stream<Request, Response>(
    service: Client,
    method: Streaming<Request, Response>,
    request: Request,
    signal?: AbortSignal,
  ): AsyncGenerator<Response> {
    const stream = method.call(service, request, this.#credential());
    const release = whenAborted(signal, () => stream.cancel());
    try {
      for await (const message of stream) yield message as Response;
    } catch (error) {
      if (signal?.aborted !== true) throw toCohortError(error, this.#context.endpoint);
    } finally {
      release();
      stream.cancel();
    }
  }

  close(): void {
    this.resources.close();
  }

  #credential(): Metadata {
    const metadata = new Metadata();
    metadata.set("authorization", `Bearer ${this.#context.token}`);
    return metadata;
  }
}

const channelOptions = {
  "grpc.keepalive_time_ms": limits.keepaliveMs,
  "grpc.keepalive_timeout_ms": limits.keepaliveTimeoutMs,
  "grpc.max_receive_message_length": shared.consoleMessageBytesMax,
  "grpc.initial_reconnect_backoff_ms": limits.retryFirstMs,
  "grpc.max_reconnect_backoff_ms": limits.retryMsMax,
  // Proxies of the environment must not see the console's traffic.
  "grpc.enable_http_proxy": 0,
};

function whenAborted(signal: AbortSignal | undefined, action: () => void): () => void {
  if (signal?.aborted === true) action();
  signal?.addEventListener("abort", action, { once: true });
  return () => signal?.removeEventListener("abort", action);
}
