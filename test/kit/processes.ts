import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Process ids of this machine whose command line or environment holds the text. */
export function processesWith(text: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .filter((name) => ["cmdline", "environ"].some((it) => readOf(name, it).includes(text)));
}

/** "" when the process is gone, or somebody else's. */
function readOf(process: string, file: string): string {
  try {
    return readFileSync(join("/proc", process, file), "latin1");
  } catch {
    return "";
  }
}
