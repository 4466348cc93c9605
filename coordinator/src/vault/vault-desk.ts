import { CohortError, type Problem, problem, refuse } from "@cohort/proto/problem";
import type { CustodyState } from "../custody/custody.ts";
import { decideTokenKeyAge, decideTokenKeyRotated } from "../custody/decide-token-key.ts";
import {
  assertUnsealAllowed,
  decideSealed,
  decideUnsealed,
  decideUnsealRefused,
  decideVaultChange,
  sameMark,
} from "../custody/decide-vault.ts";
import type { Decision } from "../state/decision.ts";
import { checkReason } from "../state/reason.ts";
import { vaultKey, wipeKey } from "./key-method.ts";
import { vaultLimits } from "./limits.ts";
import type { NewSecret, Vault } from "./vault.ts";

export interface VaultDeskOptions {
  readonly vault: Vault;
  readonly writer: CustodyWriter;
  readonly ledger: {
    /** The newest checkpoint. */
    checkpoint(): string;
    /** Whether it is one of this ledger's. */
    has(checkpoint: string): boolean;
  };
  readonly now: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly onFault: (error: unknown) => void;
  /** Encryptions after which a data key is replaced, where it is not the usual number. */
  readonly dataKeyUsesMax?: number;
}

/** The single writer, as far as the vault needs it. */
export interface CustodyWriter {
  readonly state: { readonly custody: CustodyState };
  decide<T>(
    decision: (state: { readonly custody: CustodyState }, nowMs: number) => Decision<T>,
  ): Promise<T>;
}

export interface UnsealCommand {
  readonly actor: string;
  /** What an operator brought; empty where the machine's own key opens the vault. Wiped. */
  readonly key: Buffer;
}

export interface KekCommand {
  readonly actor: string;
  readonly kind: string;
  /** Both are wiped. */
  readonly former: Buffer;
  readonly key: Buffer;
}

/**
 * The vault with the ledger beside it: what is done to the one is recorded in the other, and a file that the
 * ledger does not know is not opened. It also does what time asks for: ends versions, replaces keys.
 */
export class VaultDesk {
  readonly #options: VaultDeskOptions;
  readonly #closing = new AbortController();
  readonly #waiting = new Set<Waiting>();
  /** The last change that was handed to the writer. */
  #handedOver = 0;
  #mismatch: Problem | null = null;
  #unsealing = false;
  #resealing: Promise<void> | null = null;
  #ticker: NodeJS.Timeout | undefined;

  constructor(options: VaultDeskOptions) {
    this.#options = options;
  }

  /**
   * Records what a process that ended could not, and holds file and ledger against each other. Where they
   * agree, and the machine's key opens the vault, and nobody sealed it, it is unsealed.
   */
  async begin(): Promise<void> {
    const { vault, ledger } = this.#options;
    await this.#record();
    this.#mismatch = this.#compare();
    this.#ticker = setInterval(() => this.tick().catch(this.#options.onFault), vaultLimits.tickMs);
    if (this.#mismatch !== null) return;
    vault.changes.recorded(this.#custody.mark?.generation ?? 0, ledger.checkpoint());
    if (vault.kind === "machine" && this.#custody.sealedBy === "") {
      await vault.unseal({ kind: "machine" });
    }
    await this.tick();
  }

  close(): void {
    this.#closing.abort();
    clearInterval(this.#ticker);
  }

  get status() {
    const { vault } = this.#options;
    const { sealedBy, mark, tokenKey, formerTokenKeys } = this.#custody;
    const state = this.#mismatch !== null ? "mismatch" : vault.sealed ? "sealed" : "unsealed";
    const dataKey = this.#whereReadable(() => vault.dataKey, { number: 0, uses: 0, resealLeft: 0 });
    return {
      state,
      kind: this.#whereReadable(() => vault.kind, ""),
      sealedBy,
      secrets: vault.list().length,
      generation: this.#whereReadable(() => vault.changes.mark().generation, 0),
      recorded: mark?.generation ?? 0,
      dataKey: dataKey.number,
      dataKeyUses: dataKey.uses,
      resealLeft: dataKey.resealLeft,
      tokenKey: tokenKey.id,
      tokenKeySinceMs: tokenKey.sinceMs,
      formerTokenKeyUntilMs: formerTokenKeys[0]?.untilMs ?? 0,
      callsWaiting: [...this.#waiting].filter(({ isWanted }) => isWanted()).length,
    };
  }

  /** Throws VAULT_MISMATCH, VAULT_UNSEAL_LIMITED, VAULT_KEY_WRONG; wrong keys are recorded. */
  async unseal({ actor, key }: UnsealCommand): Promise<void> {
    const { vault } = this.#options;
    try {
      this.#assertMatches();
      if (!vault.sealed) return;
      await this.#tryKey(actor, () => vault.unseal(vaultKey(vault.kind, key)));
      await this.#options.writer.decide(() => decideUnsealed(actor));
    } finally {
      key.fill(0);
    }
    this.#release();
    await this.tick();
  }

  /** Throws USAGE. */
  async seal(command: { readonly actor: string; readonly reason: string }): Promise<void> {
    checkReason(command.reason);
    this.#options.vault.seal();
    await this.#options.writer.decide(({ custody }) => decideSealed(custody, command));
  }

  /** Throws as Vault.set, VAULT_SEALED. */
  async set(secret: Omit<NewSecret, "nowMs">): Promise<number> {
    return this.#change(() => this.#options.vault.set({ ...secret, nowMs: this.#options.now() }));
  }

  async retire(path: string, version: number, actor: string): Promise<number> {
    const { vault, now } = this.#options;
    return this.#change(() => vault.retire(path, version, actor, now()));
  }

  async delete(path: string, actor: string): Promise<number> {
    const { vault, now } = this.#options;
    return this.#change(() => vault.delete(path, actor, now()));
  }

  /** What opens secrets from now on. Who changes it shows what opens them now. */
  async changeKek({ actor, kind, former, key }: KekCommand): Promise<void> {
    const { vault } = this.#options;
    try {
      this.#assertMatches();
      if (kind === "machine" && vault.kind === "machine") {
        throw refuse("USAGE", "the vault opens with the machine's key already", {
          hint: "`cohort vault rotate-machine-key` replaces that.",
        });
      }
      const next = vaultKey(kind, key);
      try {
        const change = { former: vaultKey(vault.kind, former), next, actor };
        await this.#tryKey(actor, () => vault.changeKey(change));
      } finally {
        wipeKey(next);
      }
    } finally {
      for (const secret of [former, key]) secret.fill(0);
    }
    await this.#record();
  }

  async changeMachineKey(actor: string): Promise<void> {
    await this.#change(() => this.#options.vault.changeMachineKey(actor));
  }

  async changeDataKey(actor: string): Promise<void> {
    await this.#change(() => this.#options.vault.changeDataKey(actor));
    this.#reseal();
  }

  async changeTokenKey(command: {
    readonly actor: string;
    readonly atOnce: boolean;
  }): Promise<void> {
    await this.#options.writer.decide(({ custody }, nowMs) =>
      decideTokenKeyRotated(custody, command, nowMs),
    );
  }

  /** Takes the file as it is, if it is the one that the operator means. Throws USAGE. */
  async accept(command: {
    readonly actor: string;
    readonly reason: string;
    readonly generation: number;
  }): Promise<void> {
    const { vault } = this.#options;
    checkReason(command.reason);
    const { generation } = vault.changes.mark();
    if (command.reason === "" || command.generation !== generation) {
      throw refuse("USAGE", `the vault's file is of generation ${generation}`, {
        hint: "`cohort vault accept` wants that number and a reason: look first at what was lost.",
      });
    }
    if (this.#mismatch === null) return;
    const known = this.#custody.mark?.generation ?? 0;
    vault.changes.accept(known, command.actor, command.reason);
    await this.#record();
    this.#mismatch = this.#compare();
    if (this.#mismatch === null && vault.kind === "machine" && this.#custody.sealedBy === "") {
      await vault.unseal({ kind: "machine" });
      this.#release();
    }
  }

  /** Resolves when the vault is unsealed; at once when it is. */
  async unsealed(isWanted: () => boolean): Promise<void> {
    if (!this.#options.vault.sealed) return;
    await new Promise<void>((resolve) => this.#waiting.add({ isWanted, resolve }));
  }

  /** What time asks for. */
  async tick(): Promise<void> {
    const { vault, writer, now, dataKeyUsesMax = vaultLimits.dataKeyUsesMax } = this.#options;
    await writer.decide(({ custody }, nowMs) => decideTokenKeyAge(custody, nowMs));
    for (const it of this.#waiting) if (!it.isWanted()) this.#let(it);
    if (vault.sealed || this.#mismatch !== null) return;
    await this.#change(() => {
      vault.endOverlaps(now());
      if (vault.dataKey.uses >= dataKeyUsesMax) vault.changeDataKey("");
    });
    this.#reseal();
  }

  get #custody(): CustodyState {
    return this.#options.writer.state.custody;
  }

  async #change<T>(run: () => T): Promise<T> {
    this.#assertMatches();
    const value = run();
    await this.#record();
    return value;
  }

  /** In the turn in which they were written, so that no decision can rest on them and come before them. */
  async #record(): Promise<void> {
    const { vault, writer, ledger } = this.#options;
    const changes = vault.changes.pending().filter((it) => it.generation > this.#handedOver);
    const decided = changes.map(async (change) => {
      this.#handedOver = change.generation;
      const known = await writer.decide(({ custody }) => decideVaultChange(custody, change));
      if (known) vault.changes.recorded(change.generation, ledger.checkpoint());
    });
    await Promise.all(decided);
  }

  #compare(): Problem | null {
    const { vault, ledger } = this.#options;
    const { mark } = this.#custody;
    try {
      const own = vault.changes.mark();
      if (!sameMark(mark, own)) return mismatchOf(own.generation, mark?.generation ?? 0);
    } catch (error) {
      if (!(error instanceof CohortError)) throw error;
      return problem("VAULT_MISMATCH", "the vault's file was changed by something else");
    }
    const anchor = vault.changes.anchor();
    if (anchor === "" || ledger.has(anchor)) return null;
    return problem("VAULT_MISMATCH", "the ledger is older than the vault, or another one", {
      hint,
    });
  }

  #assertMatches(): void {
    if (this.#mismatch !== null) throw new CohortError([this.#mismatch]);
  }

  /** One at a time, and few that are wrong: whoever guesses is slowed down, and seen. */
  async #tryKey(actor: string, run: () => Promise<void>): Promise<void> {
    const { writer, now } = this.#options;
    assertUnsealAllowed(this.#custody, now());
    if (this.#unsealing) throw refuse("VAULT_UNSEAL_LIMITED", "another key is being tried");
    this.#unsealing = true;
    try {
      await run();
    } catch (error) {
      if (error instanceof CohortError && error.code === "VAULT_KEY_WRONG") {
        await writer.decide(() => decideUnsealRefused(actor, error.code));
      }
      throw error;
    } finally {
      this.#unsealing = false;
    }
  }

  /** In the background, one after the other, until nothing is left or nothing comes of it. */
  #reseal(): void {
    if (this.#resealing !== null) return;
    this.#resealing = this.#resealAll()
      .catch(this.#options.onFault)
      .finally(() => {
        this.#resealing = null;
      });
  }

  async #resealAll(): Promise<void> {
    const { vault, sleep } = this.#options;
    const { signal } = this.#closing;
    for (let left = Number.POSITIVE_INFINITY; !signal.aborted && !vault.sealed; ) {
      const { resealLeft } = vault.dataKey;
      if (resealLeft >= left) return;
      left = resealLeft;
      await this.#change(() => vault.resealSome());
      if (left === 0) return;
      await sleep(vaultLimits.resealPauseMs, signal);
    }
  }

  #release(): void {
    for (const it of this.#waiting) this.#let(it);
  }

  #let(it: Waiting): void {
    this.#waiting.delete(it);
    it.resolve();
  }

  #whereReadable<T>(read: () => T, otherwise: T): T {
    try {
      return read();
    } catch (error) {
      if (this.#mismatch === null) throw error;
      return otherwise;
    }
  }
}

interface Waiting {
  readonly isWanted: () => boolean;
  readonly resolve: () => void;
}

const hint =
  "Restore the copy that belongs to the other. Where there is none, see `cohort vault status` and " +
  "`cohort secret list`, and take it as it is with `cohort vault accept`.";

function mismatchOf(file: number, ledger: number): Problem {
  const message =
    file < ledger
      ? `the vault's file is older than the ledger: of generation ${file}, not ${ledger}`
      : file > ledger
        ? `the ledger is older than the vault's file: it knows generation ${ledger}, not ${file}`
        : `the vault's file is not the one that the ledger knows as generation ${ledger}`;
  return problem("VAULT_MISMATCH", message, { hint });
}
