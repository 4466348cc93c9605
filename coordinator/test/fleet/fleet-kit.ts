import type { Facts } from "@cohort/proto/gen/cohort/node";
import type { EnrolCommand } from "../../src/fleet/decide-enrol.ts";
import type { InviteCommand } from "../../src/fleet/decide-invite.ts";
import { applyFleet, emptyFleet, type FleetState } from "../../src/fleet/fleet.ts";
import type { Decision } from "../../src/state/decision.ts";
import type { Event } from "../../src/state/event.ts";

export const facts: Facts = {
  version: "0.1.0",
  arch: "arm64",
  kernel: "6.12.0",
  hostname: "board",
  cores: 4,
  memoryBytes: 256 * 1024 * 1024,
  isolation: "standard",
  slots: 4,
  devices: [],
  models: [],
  diskBytes: 0,
  diskFreeBytes: 0,
};

/** 32 bytes that differ by `seed`. */
export function bytes(seed: number): Uint8Array {
  return new Uint8Array(32).fill(seed);
}

export function inviteCommand(fields: Partial<InviteCommand> = {}): InviteCommand {
  return {
    name: "press-1",
    labels: {},
    actor: "operator",
    invite: "I1",
    secretHash: bytes(1),
    ...fields,
  };
}

export function enrolCommand(fields: Partial<EnrolCommand> = {}): EnrolCommand {
  return {
    invite: "I1",
    secretHash: bytes(1),
    natsKey: bytes(11),
    signKey: bytes(12),
    boxKey: bytes(13),
    facts,
    proofValid: true,
    ...fields,
  };
}

/** A fleet and its log; `decide` records as the single writer does. */
export class Fleet {
  readonly events: { readonly atMs: number; readonly event: Event }[] = [];
  readonly state: FleetState = emptyFleet();

  decide<T>(decision: (fleet: FleetState, nowMs: number) => Decision<T>, nowMs = 0): T {
    const { events, value } = decision(this.state, nowMs);
    for (const event of events) this.record(event, nowMs);
    return value;
  }

  record(event: Event, atMs = 0): void {
    this.events.push({ atMs, event });
    applyFleet(this.state, { seq: this.events.length, atMs, event });
  }

  replayed(): FleetState {
    const state = emptyFleet();
    for (const [index, it] of this.events.entries()) applyFleet(state, { seq: index + 1, ...it });
    return state;
  }

  get cases(): string[] {
    return this.events.map(({ event }) => event.$case);
  }
}
