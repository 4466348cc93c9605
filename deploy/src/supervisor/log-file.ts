import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/** At most this much a child: the file that is written to and the one before it. */
const logFileBytesMax = 4 * 1024 * 1024;

/** A log on disk that never outgrows twice its limit. */
export interface LogFile {
  write(bytes: Uint8Array): void;
  close(): void;
}

/** Appends to `path`; when that is full it becomes `path.1` and a new file begins. */
export function openLogFile(path: string, bytesMax: number = logFileBytesMax): LogFile {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  let handle = openSync(path, "a", 0o600);
  let size = fstatSync(handle).size;
  return {
    write(bytes) {
      if (size > 0 && size + bytes.length > bytesMax) {
        closeSync(handle);
        renameSync(path, `${path}.1`);
        handle = openSync(path, "a", 0o600);
        size = 0;
      }
      writeSync(handle, bytes);
      size += bytes.length;
    },
    close: () => closeSync(handle),
  };
}
