import { refuse } from "@cohort/proto/problem";
import type { Host, Socket } from "../host.ts";
import { hostErrorCode } from "../host-error.ts";
import { agentLimits } from "../limits.ts";
import { delay } from "../wait.ts";
import type { WitnessStatus } from "../witness/witness.ts";

/** What a running agent says of itself to those who may read its data folder. */
export interface AgentStatus {
  readonly node: string;
  readonly version: string;
  readonly process: number;
  readonly uptimeMs: number;
  readonly isolation: string;
  /** null while it is not connected. */
  readonly connection: { readonly server: string; readonly forMs: number } | null;
  /** What went wrong with the connection last; "" for nothing since it stands. */
  readonly trouble: string;
  readonly slots: number;
  readonly running: readonly {
    readonly run: string;
    readonly step: string;
    readonly instance: number;
    readonly attempt: number;
  }[];
  /** What this node has seen of the mesh's ledger. */
  readonly ledger: WitnessStatus;
  /** Whether the journal holds what the coordinator has not acknowledged. */
  readonly unsent: boolean;
}

/** Answers each connection with the status of that moment, until `stop`. */
export async function serveStatus(
  host: Host,
  directory: string,
  status: () => AgentStatus,
  stop: AbortSignal,
): Promise<void> {
  const listener = host.local.listen(statusSocket(directory));
  stop.addEventListener("abort", () => listener.close());
  for (let socket = await listener.accept(); socket !== null; socket = await listener.accept()) {
    // One line, which the kernel takes whole: nobody who does not read can hold the agent up.
    const line = new TextEncoder().encode(`${JSON.stringify(status())}\n`);
    await Promise.race([socket.write(line).catch(() => {}), delay(agentLimits.statusMsMax, stop)]);
    socket.close();
  }
}

/** Asks the agent of this folder. Throws UNREACHABLE when none runs, or it does not answer. */
export async function readStatus(host: Host, directory: string): Promise<AgentStatus> {
  const socket = connect(host, directory);
  const waiting = new AbortController();
  const late = delay(agentLimits.statusMsMax, waiting.signal).then(() => null);
  try {
    const text = await Promise.race([readAll(socket).catch(() => null), late]);
    if (text?.endsWith("\n")) return JSON.parse(text) as AgentStatus;
  } finally {
    waiting.abort();
    socket.close();
  }
  throw refuse("UNREACHABLE", `the agent of ${directory} does not answer`, {
    hint: "It hangs, or is about to end; its service manager's log says more.",
  });
}

const statusSocket = (directory: string) => `${directory}/agent.sock`;

function connect(host: Host, directory: string): Socket {
  try {
    return host.local.connect(statusSocket(directory));
  } catch (cause) {
    const code = hostErrorCode(cause);
    if (code === "EACCES" || code === "EPERM") {
      const hint = "Ask as the agent's user, or as root.";
      throw refuse("FORBIDDEN", `${directory} is another user's`, { hint }, cause);
    }
    const hint = "Start it: `cohort-agent run`, or `systemctl start cohort-agent`.";
    throw refuse("UNREACHABLE", `no agent runs with ${directory}`, { hint }, cause);
  }
}

async function readAll(socket: Socket): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for (let bytes = await socket.read(); bytes !== null; bytes = await socket.read()) {
    text += decoder.decode(bytes, { stream: true });
    if (text.endsWith("\n") || text.length > agentLimits.statusLengthMax) break;
  }
  return text;
}

/** For people, a line a fact. */
export function formatStatus(it: AgentStatus): string {
  const seconds = (ms: number) => `${Math.round(ms / 1000)} s`;
  const connection =
    it.connection === null
      ? `not connected${it.trouble === "" ? "" : `: ${it.trouble}`}`
      : `${it.connection.server}, for ${seconds(it.connection.forMs)}`;
  const steps = it.running.map(
    ({ run, step, instance, attempt }) => `    ${run} ${step}[${instance}] attempt ${attempt}`,
  );
  return [
    `node:       ${it.node}`,
    `agent:      ${it.version}, process ${it.process}, for ${seconds(it.uptimeMs)}`,
    `isolation:  ${it.isolation}`,
    `connection: ${connection}`,
    `steps:      ${it.running.length} of ${it.slots}`,
    ...steps,
    `results:    ${it.unsent ? "some wait to be acknowledged" : "all acknowledged"}`,
    `ledger:     ${describeLedger(it.ledger)}`,
    "",
  ].join("\n");
}

function describeLedger({ size, takenMs, dispute, settled }: WitnessStatus): string {
  if (size === 0) return "nothing seen of it yet";
  const seen = `${size} entries seen, at ${new Date(takenMs).toISOString()}`;
  const before = settled === 0 ? "" : `; disputes settled by operators: ${settled}`;
  return dispute === "" ? `${seen}${before}` : `ALARM: ${dispute}; ${seen}${before}`;
}
