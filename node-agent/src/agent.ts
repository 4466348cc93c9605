import { refuse } from "@cohort/proto/problem";
import { toBase64Url } from "./bytes.ts";
import { CoordinatorClock } from "./clock.ts";
import type { AgentContext } from "./context.ts";
import { DeviceDesk } from "./devices/device-desk.ts";
import { assertIsolation, defaultSlots, nodeFacts } from "./facts.ts";
import { Gate } from "./gate.ts";
import type { Host } from "./host.ts";
import { loadIdentity } from "./identity.ts";
import { Journal } from "./journal/journal.ts";
import { KeyRing } from "./key-ring.ts";
import { agentLimits } from "./limits.ts";
import { Bell } from "./mesh/bell.ts";
import type { ConnectBus } from "./mesh/bus.ts";
import { EventPump } from "./mesh/event-pump.ts";
import { Link } from "./mesh/link.ts";
import { serveSession } from "./mesh/session.ts";
import type { AgentStatus } from "./service/status.ts";
import { Attempts } from "./steps/attempts.ts";
import { Updater } from "./update/updater.ts";
import { aborted, delay } from "./wait.ts";
import { Witness } from "./witness/witness.ts";

export interface AgentOptions {
  /** Holds identity.json and the journal; only the agent may read it. */
  readonly dataDirectory: string;
  /** Steps at once; what suits the machine when left out. */
  readonly slots?: number;
  readonly connect: ConnectBus;
  /** Where /dev and /sys lie; left out, where they are. Another folder pretends a machine. */
  readonly deviceRoot?: string;
  /** Called once, when the agent is ready: whoever asks later is told how it is. */
  readonly onReady?: (status: () => AgentStatus) => void;
}

/**
 * Runs an enrolled node until `stop` is aborted, or until it is to begin anew as another version: stays connected, takes dispatches, executes them
 * in the host's sandbox, and tells what became of them. Resolves with why it ended. Throws SETUP_FAILED when the node has not
 * joined, and ISOLATION_INSUFFICIENT when its kernel cannot confine a step.
 */
export async function runAgent(
  host: Host,
  options: AgentOptions,
  stop: AbortSignal,
): Promise<"stopped" | "restart"> {
  assertIsolation(host);
  const identity = loadIdentity(host, options.dataDirectory);
  if (identity === null || identity.enrolment === null) {
    throw refuse("SETUP_FAILED", `${options.dataDirectory} holds no enrolled node`, {
      hint: "Run the line that `cohort node invite` prints.",
    });
  }
  const { enrolment } = identity;
  const keys = new KeyRing(host, options.dataDirectory, { ...identity, enrolment });
  const journal = Journal.open(host, `${options.dataDirectory}/journal`);
  const pump = new EventPump(host, journal);
  const link = new Link(host, options.connect);
  const slots = options.slots ?? defaultSlots(host);
  const clock = new CoordinatorClock(host);
  const calls = new Gate(agentLimits.shimCallsMax);
  const wake = () => pump.wake();
  const roomForLogs = () => pump.roomForLogs();
  const { deviceRoot = "" } = options;
  const instance = toBase64Url(host.random(6));
  const context: AgentContext = {
    ...{ host, enrolment, keys, instance, journal, link, clock, slots, calls, wake, roomForLogs },
    devices: new DeviceDesk(host, deviceRoot),
  };
  const attempts = new Attempts(context);
  const news = new Bell();
  const restart = new AbortController();
  const ending = new AbortController();
  const updater = new Updater({
    host,
    dataDirectory: options.dataDirectory,
    enrolment,
    request: (subject, payload) => link.request(subject, payload, agentLimits.artifactAnswerMsMax),
    running: () => attempts.running,
    restart: () => restart.abort(),
    onReport: () => news.ring(),
    signal: ending.signal,
  });
  const witness = new Witness({
    host,
    directory: options.dataDirectory,
    node: enrolment.node,
    coordinatorKey: enrolment.coordinatorKey,
    keys,
    now: () => clock.now(),
  });
  const session = {
    host,
    updater,
    witness,
    news,
    node: enrolment.node,
    instance,
    coordinatorKey: enrolment.coordinatorKey,
    facts: () => nodeFacts(host, slots, options.dataDirectory, deviceRoot),
    clock,
    journal,
    pump,
    attempts,
    keys,
    calls,
    reconnect: () => link.reconnect(),
  };
  const disconnect = new AbortController();
  const running = link.run(
    enrolment.servers,
    () => ({
      owner: enrolment.node,
      userJwt: keys.enrolment.userJwt,
      secretKey: keys.current.nats.secretKey,
      trust: { ca: enrolment.rootCa },
    }),
    (bus, ended) => serveSession(session, bus, ended),
    disconnect.signal,
  );
  const startedMs = host.monotonic();
  options.onReady?.(() => ({
    node: context.enrolment.node,
    version: host.info.version,
    process: host.info.process,
    uptimeMs: Math.round(host.monotonic() - startedMs),
    isolation: host.sandbox.probe().level,
    connection: connectionOf(host, link),
    trouble: link.trouble,
    slots,
    running: attempts.keys(),
    ledger: witness.status,
    unsent: journal.batch(1, 1).length > 0,
  }));
  try {
    await Promise.race([running, aborted(stop), aborted(restart.signal)]);
    attempts.stop();
    await settle(journal, attempts);
    return restart.signal.aborted && !stop.aborted ? "restart" : "stopped";
  } finally {
    ending.abort();
    disconnect.abort();
    await running.catch(() => {});
    await journal.sync();
    journal.close();
  }
}

function connectionOf(host: Host, { connected }: Link): AgentStatus["connection"] {
  if (connected === null) return null;
  return {
    server: connected.server,
    forMs: Math.round(host.monotonic() - connected.sinceMs),
  };
}

/** Gives killed steps and their results a moment to get away; what stays is in the journal. */
async function settle(journal: Journal, attempts: Attempts): Promise<void> {
  const never = new AbortController().signal;
  for (let waitedMs = 0; waitedMs < agentLimits.shutdownMsMax; waitedMs += 50) {
    if (attempts.running === 0 && journal.batch(1, 1).length === 0) return;
    await delay(50, never);
  }
}
