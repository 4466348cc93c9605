import * as fs from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import type { AppendFile, Files } from "../src/host.ts";
import { asHostError, wrapped } from "./errors.ts";

const fdatasync = promisify(fs.fdatasync);

/** Files of the disk. */
export const nodeFiles: Files = {
  read: (path) => absentAs(null, () => new Uint8Array(fs.readFileSync(path))),
  writeAtomic: (path, bytes, mode) => wrapped(() => writeAtomic(path, bytes, mode)),
  remove: (path) => wrapped(() => fs.rmSync(path)),
  makeDirectory: (path, mode) => void wrapped(() => fs.mkdirSync(path, { recursive: true, mode })),
  isPrivate: (path) => absentAs(null, () => isPrivate(fs.statSync(path))),
  list: (path) => absentAs([], () => fs.readdirSync(path).sort()),
  space: (path) =>
    wrapped(() => {
      const { bsize, blocks, bavail } = fs.statfsSync(path);
      return { sizeBytes: bsize * blocks, freeBytes: bsize * bavail };
    }),
  inspect: (path) =>
    absentAs(null, () => {
      const { uid, mode } = fs.statSync(path);
      return { user: uid, mode: mode & 0o7777 };
    }),
  openAppend: (path, mode) => wrapped(() => openAppend(path, mode)),
};

function isPrivate({ mode, uid }: fs.Stats): boolean {
  return (mode & 0o077) === 0 && uid === process.geteuid?.();
}

function writeAtomic(path: string, bytes: Uint8Array, mode: number): void {
  const temporary = `${path}.tmp`;
  const file = fs.openSync(temporary, "w", mode);
  try {
    fs.writeFileSync(file, bytes);
    fs.fsyncSync(file);
  } finally {
    fs.closeSync(file);
  }
  fs.renameSync(temporary, path);
  const folder = fs.openSync(dirname(path), "r");
  try {
    fs.fsyncSync(folder);
  } finally {
    fs.closeSync(folder);
  }
}

function openAppend(path: string, mode: number): AppendFile {
  const file = fs.openSync(path, "a", mode);
  let size = fs.fstatSync(file).size;
  return {
    get size() {
      return size;
    },
    append(bytes) {
      wrapped(() => fs.writeFileSync(file, bytes));
      size += bytes.length;
    },
    async sync() {
      await fdatasync(file).catch((error) => {
        throw asHostError(error);
      });
    },
    truncate(length) {
      wrapped(() => fs.ftruncateSync(file, length));
      size = length;
    },
    close: () => wrapped(() => fs.closeSync(file)),
  };
}

function absentAs<Value>(absent: Value, act: () => Value): Value {
  try {
    return act();
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return absent;
    throw asHostError(error);
  }
}
