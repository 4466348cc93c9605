import { limits } from "@cohort/proto/limits";
import type { Host } from "../host.ts";
import type { KeyRing } from "../key-ring.ts";
import type { Bell } from "./bell.ts";
import type { Bus } from "./bus.ts";
import { rotateKeys } from "./rotate.ts";

export interface RotationContext {
  readonly host: Host;
  readonly node: string;
  readonly keys: KeyRing;
  readonly calls: { readonly isEmpty: boolean };
  reconnect(): void;
}

/** What is left to do of a rotation on one connection; looked after at every heartbeat. */
export class Rotation {
  readonly #context: RotationContext;
  readonly #bus: Bus;
  readonly #bell: Bell;
  #due = false;
  /** Since when the connection stands with a key that was replaced. */
  #formerSinceMs: number | null = null;

  constructor(context: RotationContext, bus: Bus, bell: Bell) {
    this.#context = context;
    this.#bus = bus;
    this.#bell = bell;
  }

  /** The coordinator wants other keys, or may know of some already. */
  ask(): void {
    if (!this.#due) this.#bell.ring();
    this.#due = true;
  }

  /** Gives why the keys could not be replaced, if that is so; it is tried again with the next call. */
  async go(): Promise<unknown> {
    const { host } = this.#context;
    if (!this.#due) {
      if (this.#formerSinceMs !== null) this.#leave(host.monotonic() - this.#formerSinceMs);
      return null;
    }
    try {
      await rotateKeys(this.#context, this.#bus);
    } catch (error) {
      return error;
    }
    this.#due = false;
    this.#formerSinceMs = host.monotonic();
    // The hello that follows is signed by the new keys, and is what retires the old.
    this.#bell.ring();
    return null;
  }

  /** Calls that are out have their answers come over this connection, for as long as it may stand. */
  #leave(sinceMs: number): void {
    const { calls, reconnect } = this.#context;
    if (!calls.isEmpty && sinceMs < limits.keyOverlapMs / 2) return;
    this.#formerSinceMs = null;
    reconnect();
  }
}
