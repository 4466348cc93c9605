import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { ensurePackages, onPath } from "../../node-agent/toolchain/prerequisites.mjs";
import { type MemorySearch, searchMemoryFile } from "./process-memory.ts";
import type { Spelling } from "./secret-search.ts";

/** The process's core dump, as gdb's gcore writes one of it while it goes on. */
export async function searchCoreDump(
  pid: number,
  spellings: readonly Spelling[],
): Promise<MemorySearch> {
  if (!onPath("gcore")) await ensurePackages(["gdb"], () => {});
  const folder = mkdtempSync(join(tmpdir(), "cohort-core-"));
  try {
    await promisify(execFile)("gcore", ["-o", join(folder, "core"), String(pid)]);
    const path = join(folder, `core.${pid}`);
    return searchMemoryFile(path, [{ from: 0, to: statSync(path).size }], spellings);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
