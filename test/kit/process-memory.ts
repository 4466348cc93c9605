import { closeSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { type Spelling, searchBytes } from "./secret-search.ts";

const pieceBytes = 4 * 1024 * 1024;

export interface MemorySearch {
  /** Names of the spellings that stand somewhere in the process's memory. */
  readonly found: readonly string[];
  readonly bytesRead: number;
}

/** Everything that the process can read itself: heap, stacks, environment, files it has mapped. */
export function searchMemory(pid: number, spellings: readonly Spelling[]): MemorySearch {
  return searchMemoryFile(`/proc/${pid}/mem`, readableRegions(pid), spellings);
}

/** The same of a file that holds memory. */
export function searchMemoryFile(
  path: string,
  regions: readonly { readonly from: number; readonly to: number }[],
  spellings: readonly Spelling[],
): MemorySearch {
  const overlap = Math.max(...spellings.map(({ bytes }) => bytes.length));
  const found = new Set<string>();
  const buffer = Buffer.alloc(pieceBytes + overlap);
  const memory = openSync(path, "r");
  let bytesRead = 0;
  try {
    for (const { from, to } of regions) {
      for (let at = from; at < to; at += pieceBytes) {
        const length = Math.min(buffer.length, to - at);
        const count = readPiece(memory, buffer, length, at);
        bytesRead += Math.min(count, pieceBytes);
        for (const name of searchBytes(buffer.subarray(0, count), spellings)) found.add(name);
      }
    }
  } finally {
    closeSync(memory);
  }
  return { found: [...found], bytesRead };
}

/** The process and those that it started, and they. */
export function processTree(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean),
  );
  return [pid, ...children.flatMap((child) => processTree(Number(child)))];
}

/** proc_pid_maps(5). Pages of the kernel's own, such as [vvar], cannot be read by others. */
function readableRegions(pid: number): { from: number; to: number }[] {
  return readFileSync(`/proc/${pid}/maps`, "utf8")
    .split("\n")
    .filter((line) => / r..[ps] /.test(line) && !/\[v(?:var|var_vclock|syscall)\]$/.test(line))
    .map((line) => {
      const [from = "", to = ""] = (line.split(" ")[0] ?? "").split("-");
      return { from: Number.parseInt(from, 16), to: Number.parseInt(to, 16) };
    });
}

/** A region may have gone, or end in a hole of the file behind it; what can be read is. */
function readPiece(memory: number, buffer: Buffer, length: number, at: number): number {
  try {
    return readSync(memory, buffer, 0, length, at);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EIO") return 0;
    throw error;
  }
}
