import type { AppendFile, Files, Host } from "../../src/host.ts";

/** The native host with its files in memory: an input must not depend on the one before. */
export function memoryHost(contents: Readonly<Record<string, Uint8Array>>): Host {
  // A spread would leave the native functions behind: they are not enumerable.
  return Object.create(globalThis.__host as Host, {
    files: { value: memoryFiles(new Map(Object.entries(contents))) },
  });
}

function memoryFiles(contents: Map<string, Uint8Array>): Files {
  return {
    read: (path) => contents.get(path) ?? null,
    writeAtomic: (path, bytes) => void contents.set(path, bytes),
    remove: (path) => void contents.delete(path),
    makeDirectory: () => {},
    isPrivate: () => true,
    list: () => [],
    space: () => ({ sizeBytes: 0, freeBytes: 0 }),
    inspect: () => null,
    openAppend: (path) => appendFile(contents, path),
  };
}

function appendFile(contents: Map<string, Uint8Array>, path: string): AppendFile {
  const current = () => contents.get(path) ?? new Uint8Array(0);
  return {
    get size() {
      return current().length;
    },
    append(bytes) {
      const joined = new Uint8Array(current().length + bytes.length);
      joined.set(current());
      joined.set(bytes, current().length);
      contents.set(path, joined);
    },
    sync: async () => {},
    truncate: (size) => void contents.set(path, current().slice(0, size)),
    close: () => {},
  };
}
