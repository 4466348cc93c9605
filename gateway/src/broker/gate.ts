import { limits } from "../limits.ts";
import { verifyPassword } from "./password.ts";
import type { BrokerUser, BrokerUsers } from "./users.ts";

/** MQTT 3.1.1 §3.2.2.3. */
export const refusal = { identifier: 2, password: 4, forbidden: 5 } as const;
export type Refusal = (typeof refusal)[keyof typeof refusal];

export type Admission =
  | { readonly user: BrokerUser; readonly refused: null }
  | { readonly user: null; readonly refused: Refusal };

/** Who is who: passwords, and which user holds which client id. */
export class Gate {
  readonly #users: BrokerUsers;
  readonly #onRefused: (user: string, reason: keyof typeof refusal) => void;
  readonly #holders = new Map<string, { user: string; connections: number }>();
  readonly #waiting: Array<() => void> = [];
  #checking = 0;

  constructor(users: BrokerUsers, onRefused: (user: string, reason: keyof typeof refusal) => void) {
    this.#users = users;
    this.#onRefused = onRefused;
  }

  /**
   * Admits a connection and gives its user the client id until `release`. A user may take over its
   * own id, as MQTT has it (§3.1.4); another's id is refused.
   */
  async admit(clientId: string, name: string, password: Uint8Array): Promise<Admission> {
    if (clientId.length > limits.brokerClientIdLengthMax) return this.#refuse("identifier", name);
    const user = this.#users.get(name);
    // The same work for a name that does not exist, so that time does not tell.
    const right = await this.#check(password, user?.password ?? unmatchable);
    if (!right || user === undefined) return this.#refuse("password", name);
    const holder = this.#holders.get(clientId);
    if (holder !== undefined && holder.user !== name) return this.#refuse("identifier", name);
    this.#holders.set(clientId, { user: name, connections: (holder?.connections ?? 0) + 1 });
    return { user, refused: null };
  }

  /** Once for every admission, when its connection is gone. */
  release(clientId: string): void {
    const holder = this.#holders.get(clientId);
    if (holder === undefined) return;
    holder.connections -= 1;
    if (holder.connections === 0) this.#holders.delete(clientId);
  }

  /** No more than a few at once; the others wait, and are as many as there are connections. */
  async #check(password: Uint8Array, stored: string): Promise<boolean> {
    if (this.#checking < limits.brokerPasswordChecksMax) this.#checking += 1;
    else await new Promise<void>((turn) => this.#waiting.push(turn));
    try {
      return await verifyPassword(password, stored);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#checking -= 1;
      else next();
    }
  }

  #refuse(reason: keyof typeof refusal, user: string): Admission {
    this.#onRefused(user, reason);
    return { user: null, refused: refusal[reason] };
  }
}

const unmatchable = `scrypt$14$8$5$${"A".repeat(22)}$${"A".repeat(43)}`;
