import { type AppendFile, type Files, HostError } from "../../node-agent/src/host.ts";
import type { VirtualClock } from "./clock.ts";
import type { Edges } from "./edges.ts";
import type { Random } from "./random.ts";

interface File {
  bytes: Uint8Array;
  /** How much of it a power loss cannot take. */
  durable: number;
}

/**
 * A board's disk. What was appended survives the death of the process; of what was not synced, a
 * loss of power leaves a piece of any length, with rubbish behind it at times. A full disk takes a
 * part of what is written before it refuses.
 */
export class NodeDisk {
  full = false;
  readonly #files = new Map<string, File>();
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #die: (powerLost: boolean) => void;

  /** `die` ends the process that writes, at once, and with it, when power is lost, what was not synced. */
  constructor(options: {
    readonly clock: VirtualClock;
    readonly random: Random;
    readonly die: (powerLost: boolean) => void;
  }) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#die = options.die;
  }

  /** Files as one life of the process sees them: once `dead`, nothing reaches the disk any more. */
  mount(dead: AbortSignal, edges: Edges): Files {
    return {
      read: (path) => this.#files.get(path)?.bytes.slice() ?? null,
      writeAtomic: (path, bytes) => {
        if (dead.aborted) return;
        this.#refuseWhenFull();
        if (edges.breaks(`before ${path} is replaced`)) return this.#die(true);
        this.#files.set(path, { bytes: bytes.slice(), durable: bytes.length });
        if (edges.breaks(`after ${path} was replaced`)) this.#die(true);
      },
      remove: (path) => void (dead.aborted || this.#files.delete(path)),
      makeDirectory: () => {},
      isPrivate: (path) => (this.#files.has(path) ? true : null),
      list: () => [],
      inspect: () => null,
      space: () => ({ sizeBytes: 1024 ** 3, freeBytes: this.full ? 0 : 512 * 1024 ** 2 }),
      openAppend: (path) => this.#open(path, dead, edges),
    };
  }

  /** Takes the place of another's content, byte for byte. */
  copyFrom(other: NodeDisk): void {
    for (const [path, { bytes, durable }] of other.#files) {
      this.#files.set(path, { bytes: bytes.slice(), durable });
    }
  }

  losePower(): void {
    for (const file of this.#files.values()) {
      const unsynced = file.bytes.length - file.durable;
      if (unsynced === 0) continue;
      const kept = file.bytes.slice(0, file.durable + this.#random.integer(0, unsynced));
      const rubbish = this.#random.chance(0.3) ? this.#random.bytes(24) : new Uint8Array(0);
      file.bytes = new Uint8Array(Buffer.concat([kept, rubbish]));
      file.durable = file.bytes.length;
    }
  }

  #open(path: string, dead: AbortSignal, edges: Edges): AppendFile {
    const file = this.#files.get(path) ?? { bytes: new Uint8Array(0), durable: 0 };
    this.#files.set(path, file);
    return {
      get size() {
        return file.bytes.length;
      },
      append: (bytes) => {
        if (dead.aborted) return;
        if (this.full) this.#append(file, bytes.subarray(0, this.#partial(bytes.length)));
        this.#refuseWhenFull();
        if (edges.breaks("in the middle of an append")) {
          this.#append(file, bytes.subarray(0, bytes.length >> 1));
          return this.#die(true);
        }
        this.#append(file, bytes);
        if (edges.breaks("after an append, which stays")) return this.#die(false);
        if (edges.breaks("after an append, which is lost")) this.#die(true);
      },
      sync: async () => {
        const { length } = file.bytes;
        await this.#clock.sleep(this.#random.chance(0.05) ? 400 : this.#random.integer(1, 15));
        if (dead.aborted) return await new Promise<never>(() => {});
        if (this.#files.get(path) === file) file.durable = Math.max(file.durable, length);
        if (!edges.breaks("after a sync")) return;
        this.#die(true);
        await new Promise<never>(() => {});
      },
      truncate: (size) => {
        if (dead.aborted) return;
        file.bytes = file.bytes.slice(0, size);
        file.durable = Math.min(file.durable, size);
      },
      close: () => {},
    };
  }

  #append(file: File, bytes: Uint8Array): void {
    file.bytes = new Uint8Array(Buffer.concat([file.bytes, bytes]));
  }

  #partial(length: number): number {
    return this.#random.chance(0.5) ? this.#random.integer(0, length - 1) : 0;
  }

  #refuseWhenFull(): void {
    if (this.full) throw new HostError("ENOSPC", "the disk is full");
  }
}
