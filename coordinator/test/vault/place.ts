import { readFileSync } from "node:fs";
import type { Entry } from "@cohort/proto/gen/cohort/ledger";
import { createCheckpointSigner, holdsCheckpoint } from "../../src/ledger/ledger.ts";
import { createMemoryDisk, type MemoryDisk, openMemoryLog } from "../../src/log/memory.ts";
import { replay } from "../../src/state/replay.ts";
import type { State } from "../../src/state/state.ts";
import { createWriter } from "../../src/state/writer.ts";
import { vaultKey } from "../../src/vault/key-method.ts";
import { type MachineKey, machineKeyFile } from "../../src/vault/machine-key.ts";
import { createVault, openVault, type Vault } from "../../src/vault/vault.ts";
import { VaultDesk } from "../../src/vault/vault-desk.ts";
import { temporaryPath } from "../kit/temporary-path.ts";
import { newKeyFile, path, service } from "./samples.ts";

const signer = createCheckpointSigner(new Uint8Array(32).fill(1), "test/log");

/** A vault's file, a ledger's disk, and a clock, over which processes come and go. */
export class Place {
  readonly file = temporaryPath("vault.db");
  readonly machine: MachineKey = machineKeyFile(newKeyFile());
  readonly stick = newKeyFile();
  disk: MemoryDisk = createMemoryDisk();
  nowMs = 1_000_000;
  /** Of the process that is: nothing of it comes to the ledger's disk. */
  life = { dying: false };
  vault!: Vault;
  desk!: VaultDesk;
  entries: () => Entry[] = () => [];

  /** `key`: kind of what opens it; a key file lies on a stick. */
  static async create(kind: "machine" | "key-file" = "machine"): Promise<Place> {
    const place = new Place();
    const key = kind === "machine" ? ({ kind } as const) : place.brought();
    (await createVault(place.file, place.machine, key)).close();
    await place.start();
    return place;
  }

  brought(bytes = readFileSync(this.stick)) {
    return vaultKey("key-file", bytes);
  }

  async start(options: { readonly dataKeyUsesMax?: number } = {}): Promise<this> {
    this.vault = openVault(this.file, this.machine);
    const life = { dying: false };
    this.life = life;
    const log = openMemoryLog({
      signer,
      disk: this.disk,
      write: (run) => {
        if (!life.dying) run();
      },
    });
    const writer = createWriter({
      log,
      state: replay(log),
      now: () => this.nowMs,
      listen: () => {},
      onFailure: (error) => {
        throw error;
      },
    });
    this.entries = () => [...log.entries(1)];
    if (log.size === 0) {
      const vault = this.vault.changes.mark();
      const value = { mesh: "m", ledgerKey: Buffer.of(), dispatchKey: Buffer.of(), vault };
      await writer.decide(() => ({ events: [{ $case: "meshCreated", value }], value: undefined }));
    }
    this.desk = new VaultDesk({
      vault: this.vault,
      writer,
      ledger: {
        checkpoint: () => log.checkpoint(),
        has: (note) => holdsCheckpoint(log, note),
      },
      now: () => this.nowMs,
      sleep: async () => {},
      onFault: (error) => {
        throw error;
      },
      ...options,
    });
    await this.desk.begin();
    return this;
  }

  /** As `kill -9` leaves it. */
  kill(): void {
    this.desk.close();
    this.vault.close();
    this.life.dying = true;
  }

  async restart(): Promise<this> {
    this.kill();
    return this.start();
  }

  set(value = "value", more: { path?: string; overlapMs?: number } = {}): Promise<number> {
    const rest = { services: [service], bindings: [], overlapMs: 0, actor: "operator" };
    return this.desk.set({ path, value: Buffer.from(value), ...rest, ...more });
  }

  unseal(bytes = readFileSync(this.stick)): Promise<void> {
    return this.desk.unseal({ actor: "operator", key: bytes });
  }

  cases(): string[] {
    return this.entries().map(({ event }) => event?.$case ?? "");
  }

  /** As another process would read it from the ledger. */
  replayed(): State {
    return replay(openMemoryLog({ signer, disk: this.disk }));
  }
}
