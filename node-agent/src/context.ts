import type { CoordinatorClock } from "./clock.ts";
import type { DeviceDesk } from "./devices/device-desk.ts";
import type { Gate } from "./gate.ts";
import type { Host } from "./host.ts";
import type { Enrolment } from "./identity.ts";
import type { Journal } from "./journal/journal.ts";
import type { KeyRing } from "./key-ring.ts";
import type { Link } from "./mesh/link.ts";

/** What the parts of a running agent share. */
export interface AgentContext {
  readonly host: Host;
  readonly enrolment: Enrolment;
  readonly keys: KeyRing;
  /** This life of the process: new with each, and on no disk. */
  readonly instance: string;
  readonly journal: Journal;
  readonly link: Link;
  readonly clock: CoordinatorClock;
  readonly slots: number;
  /** Calls of all steps that are out. */
  readonly calls: Gate;
  readonly devices: DeviceDesk;
  /** Tells that the journal holds something to send. */
  readonly wake: () => void;
  /** Resolves when it is worth asking again; null when the journal takes output now. */
  readonly roomForLogs: () => Promise<void> | null;
}
