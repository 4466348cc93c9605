import { type AppendFile, type Files, HostError } from "../../src/host.ts";

/** A disk in memory, that can be full, lose what was not synced, and be damaged. */
export class MemoryDisk implements Files {
  readonly contents = new Map<string, Uint8Array>();
  readonly #durable = new Map<string, Uint8Array>();
  readonly folders = new Set<string>();
  /** Of what is not as the agent makes it. */
  readonly modes = new Map<string, number>();
  full = false;
  /** The medium reports an error. */
  syncsFail = false;
  /** It says yes, and what was appended before is not there. */
  syncsLie = false;
  /** Others may read what is on it. */
  exposed = false;
  syncs = 0;

  /** Everything since the last sync of each file is lost. */
  losePower(): void {
    this.contents.clear();
    for (const [path, bytes] of this.#durable) this.contents.set(path, bytes);
  }

  read(path: string): Uint8Array | null {
    return this.contents.get(path)?.slice() ?? null;
  }

  writeAtomic(path: string, bytes: Uint8Array): void {
    this.#refuseWhenFull();
    this.contents.set(path, bytes.slice());
    this.#durable.set(path, bytes.slice());
  }

  remove(path: string): void {
    this.contents.delete(path);
    this.#durable.delete(path);
  }

  makeDirectory(): void {}

  list(folder: string): string[] {
    const begin = folder.endsWith("/") ? folder : `${folder}/`;
    const inside = [...this.contents.keys()].filter((path) => path.startsWith(begin));
    const names = inside.map((path) => path.slice(begin.length).split("/")[0] as string);
    return [...new Set(names)].sort();
  }

  isPrivate(path: string): boolean | null {
    return this.contents.has(path) ? !this.exposed : null;
  }

  space() {
    return { sizeBytes: 1024 ** 3, freeBytes: this.full ? 0 : 512 * 1024 ** 2 };
  }

  inspect(path: string): { user: number; mode: number } | null {
    const known = this.contents.has(path) || this.folders.has(path);
    return known ? { user: 0, mode: this.modes.get(path) ?? 0o600 } : null;
  }

  openAppend(path: string): AppendFile {
    const disk = this;
    return {
      get size() {
        return disk.contents.get(path)?.length ?? 0;
      },
      append(bytes) {
        disk.#refuseWhenFull();
        const old = disk.contents.get(path) ?? new Uint8Array(0);
        const joined = new Uint8Array(old.length + bytes.length);
        joined.set(old);
        joined.set(bytes, old.length);
        disk.contents.set(path, joined);
      },
      async sync() {
        disk.syncs++;
        if (disk.syncsFail) throw new HostError("EIO", "the disk is broken");
        if (disk.syncsLie) return;
        disk.#durable.set(path, disk.contents.get(path)?.slice() ?? new Uint8Array(0));
      },
      truncate(size) {
        disk.contents.set(path, (disk.contents.get(path) ?? new Uint8Array(0)).slice(0, size));
      },
      close() {},
    };
  }

  #refuseWhenFull(): void {
    if (this.full) throw new HostError("ENOSPC", "the disk is full");
  }
}
