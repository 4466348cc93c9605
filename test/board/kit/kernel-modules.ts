import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { DebianParts } from "./provide-board.mjs";

/** A module's file name without its folder, and its bytes as the kernel loads them. */
export interface KernelModule {
  readonly name: string;
  readonly bytes: Buffer;
}

/** The modules and all that they need, in the order in which they can be loaded. What is built into
 * the kernel is left out. */
export function modulesInOrder(parts: DebianParts, names: readonly string[]): KernelModule[] {
  const files = new Map(listed(parts, "modules.order"));
  const builtIn = new Map(listed(parts, "modules.builtin"));
  const ordered = new Map<string, KernelModule>();
  const visit = (name: string): void => {
    const key = name.replaceAll("-", "_");
    if (ordered.has(key) || builtIn.has(key)) return;
    const path = files.get(key);
    if (path === undefined) throw new Error(`this kernel has no module ${name}`);
    const bytes = unpacked(join(parts.modules, `${path}.xz`));
    for (const needed of dependenciesOf(bytes)) visit(needed);
    ordered.set(key, { name: key, bytes });
  };
  for (const name of names) visit(name);
  return [...ordered.values()];
}

function listed(parts: DebianParts, list: string): [string, string][] {
  const lines = readFileSync(join(parts.modules, list), "utf8").trim().split("\n");
  return lines.map((path) => {
    const name = path.split("/").at(-1) ?? "";
    return [name.replace(/\.ko$/, "").replaceAll("-", "_"), path];
  });
}

function unpacked(path: string): Buffer {
  const { status, stdout, stderr } = spawnSync("xz", ["-dc", path], { maxBuffer: 64 << 20 });
  if (status !== 0) throw new Error(`unpacking ${path}: ${stderr}`);
  return stdout;
}

/** What a module says in its section .modinfo: "depends=jbd2,mbcache". */
function dependenciesOf(bytes: Buffer): string[] {
  const at = bytes.indexOf("\0depends=");
  if (at < 0) return [];
  const begin = at + "\0depends=".length;
  const text = bytes.toString("latin1", begin, bytes.indexOf(0, begin));
  return text === "" ? [] : text.split(",");
}
