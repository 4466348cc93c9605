import { randomBytes } from "node:crypto";
import type { LedgerKeys as LedgerKeysView } from "@cohort/proto/gen/cohort/console";
import { encodeVerifierKey } from "@cohort/proto/ledger/note";
import { ledgerKeyProof } from "@cohort/proto/proof";
import { equalBytes } from "../fleet/bytes.ts";
import type { Decision } from "../state/decision.ts";
import type { State } from "../state/state.ts";
import type { Vault } from "../vault/vault.ts";
import { sha256 } from "./crypto.ts";
import { type CheckpointSigner, createCheckpointSigner } from "./ledger.ts";

/** The keys that sign the ledger, in the vault. One may be there that no entry names yet. */
export class LedgerKeys {
  readonly #vault: Pick<Vault, "internal">;
  readonly #origin: string;
  readonly #signers: CheckpointSigner[] = [];

  constructor(vault: Pick<Vault, "internal">, origin: string) {
    this.#vault = vault;
    this.#origin = origin;
    this.#load(1, () => randomBytes(32));
    while (this.#load(this.#signers.length + 1, absent));
  }

  get first(): CheckpointSigner {
    return this.#signers[0] as CheckpointSigner;
  }

  get successors(): readonly CheckpointSigner[] {
    return this.#signers.slice(1);
  }

  /** A copy of these bytes alone, which the caller wipes. Throws a RangeError for a key that is none of these. */
  seedOf(key: Uint8Array): Uint8Array {
    const at = this.#signers.findIndex(({ publicKey }) => equalBytes(publicKey, key));
    if (at === -1) throw new RangeError("the vault has no such key of the ledger");
    return copied(this.#vault.internal(nameOf(at + 1), absent));
  }

  /** The next key takes the place of the one that signs now, which signs it. */
  decideRotation({ ledger }: State, actor: string): Decision<null> {
    const count = ledger.keys.length;
    const signs = this.#signers[count - 1];
    if (signs === undefined) throw new RangeError("the ledger has a key that the vault has not");
    if (this.#signers.length === count) this.#load(count + 1, () => randomBytes(32));
    const { publicKey: key } = this.#signers[count] as CheckpointSigner;
    const signature = signs.sign(ledgerKeyProof(this.#origin, key));
    const value = { actor, key, signature };
    return { events: [{ $case: "ledgerKeyRotated", value }], value: null };
  }

  /** Verifier keys with the signatures that lead from one to the next. */
  view({ ledger }: State): LedgerKeysView {
    return {
      keys: ledger.keys.map(({ key: publicKey, signature }) => ({
        verifierKey: encodeVerifierKey({ name: this.#origin, publicKey }, sha256),
        signature,
      })),
    };
  }

  #load(number: number, make: () => Buffer): boolean {
    try {
      const seed = copied(this.#vault.internal(nameOf(number), make));
      this.#signers.push(createCheckpointSigner(seed, this.#origin));
      seed.fill(0);
      return true;
    } catch (error) {
      if (error === nothing) return false;
      throw error;
    }
  }
}

function nameOf(number: number): string {
  return number === 1 ? "ledger/signing" : `ledger/signing/${number}`;
}

/** What a Buffer is a part of would go with it to another thread. */
function copied(buffer: Buffer): Uint8Array {
  const copy = Uint8Array.from(buffer);
  buffer.fill(0);
  return copy;
}

const nothing = new Error("there is no such key yet");

function absent(): never {
  throw nothing;
}
