import { randomFillSync } from "node:crypto";
import {
  closeSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { refuse } from "@cohort/proto/problem";
import { logLimits } from "./limits.ts";

/** Room on the disk of the log that nothing else can have. */
export interface Reserve {
  /** Gives the room back, so that it can still be said that the disk is full. Throws nothing. */
  release(): void;
}

/**
 * Makes the file `reserve` of a data folder, unless it is there. A coordinator that stopped because the
 * disk was full has given it back, and starts no more before there is room for more than that. Throws
 * LEDGER_UNWRITABLE.
 */
export function keepReserve(folder: string): Reserve {
  const path = join(folder, "reserve");
  if (sizeOf(path) !== logLimits.reserveBytes) make(folder, path);
  return {
    release() {
      try {
        rmSync(path, { force: true });
      } catch {
        // It is the last that can be done for the disk: what follows is said all the same.
      }
    },
  };
}

function make(folder: string, path: string): void {
  const partial = `${path}.partial`;
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  try {
    if (free < logLimits.freeBytesMin) throw new Error(`only ${mebibytes(free)} are free`);
    fill(partial);
    renameSync(partial, path);
  } catch (cause) {
    rmSync(partial, { force: true });
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw refuse(
      "LEDGER_UNWRITABLE",
      `the disk of ${folder} has too little room: ${reason}`,
      {
        hint:
          `Make room: ${mebibytes(logLimits.freeBytesMin)} at least, of which half are kept in ` +
          "reserve. What was recorded is safe.",
      },
      cause,
    );
  }
}

/** With what no filesystem can store in less. */
function fill(path: string): void {
  const file = openSync(path, "w", 0o600);
  try {
    const piece = randomFillSync(Buffer.alloc(pieceBytes));
    for (let written = 0; written < logLimits.reserveBytes; ) written += writeSync(file, piece);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

const pieceBytes = 1024 * 1024;

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function mebibytes(bytes: number): string {
  return `${Math.floor(bytes / 1024 / 1024)} MiB`;
}
