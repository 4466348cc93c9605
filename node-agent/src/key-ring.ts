import { limits } from "@cohort/proto/limits";
import type { Host, KeyPair } from "./host.ts";
import {
  createSeeds,
  deriveKeys,
  type Enrolment,
  type Identity,
  type Keys,
  saveIdentity,
} from "./identity.ts";

/** An identity that has been enrolled. */
export interface EnrolledIdentity extends Identity {
  readonly enrolment: Enrolment;
}

/**
 * The node's keys as they change. Every change is on the disk before anything rests on it, so that a
 * node that dies at any moment comes back with keys that the coordinator knows: until the new ones
 * were used, it knows both.
 */
export class KeyRing {
  readonly #host: Host;
  readonly #directory: string;
  #identity: EnrolledIdentity;
  #current: Keys;
  #next: Keys | null;
  /** Of what was under way when the keys changed; on no disk, for a new life has nothing under way. */
  #former: { readonly keys: Keys; readonly untilMs: number } | null = null;

  constructor(host: Host, directory: string, identity: EnrolledIdentity) {
    this.#host = host;
    this.#directory = directory;
    this.#identity = identity;
    this.#current = deriveKeys(host, identity.seeds);
    this.#next = identity.next === null ? null : deriveKeys(host, identity.next);
  }

  get enrolment(): Enrolment {
    return this.#identity.enrolment;
  }

  get current(): Keys {
    return this.#current;
  }

  /** Whether the coordinator may know of keys that have not been taken up here. */
  get isPending(): boolean {
    return this.#next !== null;
  }

  /** To which tokens may be sealed: the coordinator may be ahead, or a message late. */
  get boxes(): KeyPair[] {
    const { monotonic } = this.#host;
    if (this.#former !== null && monotonic() >= this.#former.untilMs) this.#former = null;
    const all = [this.#current, this.#next, this.#former?.keys ?? null];
    return all.filter((it) => it !== null).map((it) => it.box);
  }

  renewCredential(userJwt: string): void {
    const { enrolment } = this.#identity;
    this.#save({ ...this.#identity, enrolment: { ...enrolment, userJwt } });
  }

  /** Keys to tell the coordinator of; the same until they are adopted. Throws a HostError. */
  prepare(): Keys {
    if (this.#next !== null) return this.#next;
    const next = createSeeds(this.#host);
    this.#save({ ...this.#identity, next });
    this.#next = deriveKeys(this.#host, next);
    return this.#next;
  }

  /** The coordinator has taken what was prepared. Throws a HostError. */
  adopt(userJwt: string): void {
    const { next: seeds, enrolment } = this.#identity;
    if (seeds === null || this.#next === null) return;
    this.#save({ seeds, next: null, enrolment: { ...enrolment, userJwt } });
    const untilMs = this.#host.monotonic() + limits.keyOverlapMs;
    this.#former = { keys: this.#current, untilMs };
    this.#current = this.#next;
    this.#next = null;
  }

  #save(identity: EnrolledIdentity): void {
    saveIdentity(this.#host, this.#directory, identity);
    this.#identity = identity;
  }
}
