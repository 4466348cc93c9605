import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { refuse } from "@cohort/proto/problem";
import { endProcess, identify, isRunning, type ProcessIdentity } from "./process-identity.ts";

const fileName = "supervisor.json";
const staleGraceMs = 5_000;

interface Stored {
  readonly supervisor: ProcessIdentity;
  readonly children: Readonly<Record<string, ProcessIdentity>>;
}

/** The one supervisor of a home folder, and the children that it started there. */
export interface Instance {
  started(name: string, pid: number): void;
  ended(name: string): void;
  release(): void;
}

/**
 * Claims the home folder. Throws SETUP_FAILED when another supervisor holds it. One that was killed
 * left its children behind; they are ended first, as they would hold the ports and the data.
 */
export async function claim(home: string, log: (line: string) => void): Promise<Instance> {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const path = join(home, fileName);
  const before = takeLock(`${path}.lock`, () => {
    const stored = read(path);
    if (stored !== null && isRunning(stored.supervisor)) throw alreadyRunning(home, stored);
    write(path, { supervisor: ownIdentity(), children: stored?.children ?? {} });
    return stored;
  });
  const stale = Object.entries(before?.children ?? {}).filter(([, child]) => isRunning(child));
  for (const [name, child] of stale) {
    log(`ending ${name}, process ${child.pid}, left behind by a supervisor that was killed`);
    await endProcess(child, staleGraceMs);
  }
  return recorder(path);
}

/** The supervisor that runs in the home folder now, or null. */
export function holderOf(home: string): ProcessIdentity | null {
  const stored = read(join(home, fileName));
  return stored !== null && isRunning(stored.supervisor) ? stored.supervisor : null;
}

function recorder(path: string): Instance {
  const children: Record<string, ProcessIdentity> = {};
  const save = () => write(path, { supervisor: ownIdentity(), children });
  save();
  return {
    started(name, pid) {
      const identity = identify(pid);
      if (identity !== null) children[name] = identity;
      save();
    },
    ended(name) {
      delete children[name];
      save();
    },
    release: () => rmSync(path, { force: true }),
  };
}

/** Two supervisors that start at once: one creates the lock, the other is told so. */
function takeLock<Result>(path: string, work: () => Result): Result {
  const holder = readLock(path);
  if (holder !== null && !isRunning(holder)) rmSync(path, { force: true });
  let handle: number;
  try {
    handle = openSync(path, "wx", 0o600);
  } catch (cause) {
    throw refuse("SETUP_FAILED", `another start holds ${path}`, { hint: "Try again." }, cause);
  }
  try {
    writeFileSync(handle, JSON.stringify(ownIdentity()));
    return work();
  } finally {
    closeSync(handle);
    rmSync(path, { force: true });
  }
}

function readLock(path: string): ProcessIdentity | null {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as ProcessIdentity;
  } catch {
    return null;
  }
}

function ownIdentity(): ProcessIdentity {
  const identity = identify(process.pid);
  if (identity === null)
    throw refuse("SETUP_FAILED", "/proc is not readable", { hint: "Mount /proc." });
  return identity;
}

function alreadyRunning(home: string, stored: Stored): Error {
  return refuse(
    "SETUP_FAILED",
    `a mesh runs in ${home} already, process ${stored.supervisor.pid}`,
    {
      hint: "Stop it with Ctrl-C or SIGTERM, or give this one another --home.",
    },
  );
}

function read(path: string): Stored | null {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Stored;
  } catch {
    return null;
  }
}

function write(path: string, stored: Stored): void {
  writeFileSync(`${path}.new`, JSON.stringify(stored, null, 2), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
