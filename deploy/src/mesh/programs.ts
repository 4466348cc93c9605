import { join } from "node:path";
import { command } from "../../setup/command.mjs";
import { type Paths, repository } from "../../setup/paths.mjs";
import { type ChildSpec, isReadyLine } from "../supervisor/child.ts";
import type { Ports } from "./ports.ts";

/** How each process of a mesh's centre is called, and how one knows that it serves. */
const readyMs = 20_000;
const stopMs = 10_000;

/** Keys, certificates and nats-server's configuration; what is there already is kept. */
export function initialise(paths: Paths, ports: Ports, signal: AbortSignal): Promise<string> {
  const argv = [
    ...[process.execPath, bundle("coordinator", "coordinator"), "init"],
    ...["--data", paths.coordinatorData],
    ...["--nats-port", String(ports.nats)],
    ...["--console-port", String(ports.console)],
    ...["--hosts", "localhost,127.0.0.1"],
    ...["--vault-key-file", paths.vaultKey],
    ...["--operator-context", paths.operatorContext],
    ...["--approver-context", paths.approverContext],
    ...["--gateway-context", paths.gatewayContext],
    ...given("--history-max-age", process.env["COHORT_HISTORY_MAX_AGE"]),
    ...given("--history-max-runs", process.env["COHORT_HISTORY_MAX_RUNS"]),
    ...given("--ledger-payload-max-age", process.env["COHORT_LEDGER_PAYLOAD_MAX_AGE"]),
  ];
  return command(argv, {
    what: "the coordinator's data could not be prepared",
    remedy: `Read the lines above; ${paths.coordinatorData} must be writable and intact.`,
    signal,
  });
}

/** The option, where the operator set it. */
function given(option: string, value: string | undefined): string[] {
  return value === undefined ? [] : [option, value];
}

export function natsServerSpec(path: string, paths: Paths): ChildSpec {
  return {
    name: "nats-server",
    argv: [path, "-c", join(paths.coordinatorData, "nats", "nats.conf")],
    ready: (line) => line.endsWith("Server is ready"),
    readyMs,
    stopMs,
  };
}

export function coordinatorSpec(paths: Paths): ChildSpec {
  const data = ["--data", paths.coordinatorData, "--vault-key-file", paths.vaultKey];
  return {
    name: "coordinator",
    argv: [process.execPath, bundle("coordinator", "coordinator"), "run", ...data],
    ready: isReadyLine,
    readyMs,
    stopMs,
  };
}

export function gatewaySpec(paths: Paths, ports: Ports): ChildSpec {
  return {
    name: "gateway",
    argv: [
      ...[process.execPath, bundle("gateway", "gateway")],
      ...["--context", paths.gatewayContext],
      ...["--embedded-broker", `127.0.0.1:${ports.mqtt}`],
      ...["--broker-users", paths.brokerUsers],
      ...["--webhooks", `127.0.0.1:${ports.webhooks}`],
    ],
    ready: isReadyLine,
    readyMs,
    stopMs,
  };
}

function bundle(part: string, name: string): string {
  return join(repository, part, "dist", `${name}.mjs`);
}
