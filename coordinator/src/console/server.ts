import {
  AgentsService,
  ApprovalsService,
  ArtifactsService,
  BudgetsService,
  EventsService,
  LedgerService,
  NodesService,
  ResourcesService,
  RunsService,
  SchedulesService,
  SecretsService,
  TokensService,
  VaultService,
} from "@cohort/proto/gen/cohort/console";
import { limits } from "@cohort/proto/limits";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { type AgentsDependencies, agentsService } from "./agents.ts";
import { approvalsService } from "./approvals.ts";
import { type ArtifactsDependencies, artifactsService } from "./artifacts.ts";
import { budgetsService } from "./budgets.ts";
import { type EventsDependencies, eventsService } from "./events.ts";
import type { Credential } from "./guard.ts";
import { type LedgerDependencies, ledgerService } from "./ledger.ts";
import { createMethods } from "./methods.ts";
import { type NodesDependencies, nodesService } from "./nodes.ts";
import { resourcesService } from "./resources.ts";
import { type RunsDependencies, runsService } from "./runs.ts";
import { schedulesService } from "./schedules.ts";
import { type SecretsDependencies, secretsService } from "./secrets.ts";
import { type TokensDependencies, tokensService } from "./tokens.ts";
import { type VaultDependencies, vaultService } from "./vault.ts";

export interface ConsoleOptions
  extends RunsDependencies,
    ArtifactsDependencies,
    NodesDependencies,
    AgentsDependencies,
    SecretsDependencies,
    LedgerDependencies,
    VaultDependencies,
    TokensDependencies,
    EventsDependencies {
  readonly vaultDesk: SecretsDependencies["vaultDesk"] & VaultDependencies["vaultDesk"];
  readonly credentials: readonly Credential[];
  readonly tls: { readonly certificate: Buffer; readonly key: Buffer };
  /** "host:port"; port 0 for any free one. */
  readonly address: string;
  readonly onFault: (error: unknown) => void;
}

export interface ConsoleServer {
  readonly port: number;
  close(): Promise<void>;
}

/** The console API: gRPC over TLS 1.2 and newer, every method authorised. */
export async function startConsole(options: ConsoleOptions): Promise<ConsoleServer> {
  const { writer, credentials, tls, address, now, onFault } = options;
  const server = new Server({ "grpc.max_receive_message_length": limits.consoleMessageBytesMax });
  const methods = createMethods(credentials, onFault);
  server.addService(ResourcesService, { ...resourcesService(methods, writer) });
  server.addService(RunsService, { ...runsService(methods, options) });
  server.addService(SchedulesService, { ...schedulesService(methods, writer) });
  server.addService(ArtifactsService, { ...artifactsService(methods, options) });
  server.addService(NodesService, { ...nodesService(methods, options) });
  server.addService(AgentsService, { ...agentsService(methods, options) });
  server.addService(SecretsService, { ...secretsService(methods, options) });
  server.addService(VaultService, { ...vaultService(methods, options) });
  server.addService(TokensService, { ...tokensService(methods, options) });
  server.addService(BudgetsService, { ...budgetsService(methods, writer, now) });
  server.addService(LedgerService, { ...ledgerService(methods, options) });
  server.addService(ApprovalsService, { ...approvalsService(methods, writer, options.history) });
  server.addService(EventsService, { ...eventsService(methods, options) });
  const pair = { cert_chain: tls.certificate, private_key: tls.key };
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createSsl(null, [pair]), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return {
    port,
    close: async () => {
      await Promise.race([
        new Promise<void>((resolve) => server.tryShutdown(() => resolve())),
        new Promise<void>((resolve) => setTimeout(resolve, closeGraceMs).unref()),
      ]);
      server.forceShutdown();
    },
  };
}

/** Watchers never end by themselves. */
const closeGraceMs = 200;
