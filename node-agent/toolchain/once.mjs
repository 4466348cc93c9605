import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const lockPollMs = 200;

/**
 * Makes a folder once: `make` fills a temporary one, which takes the final name only when complete,
 * so that an interrupted build leaves nothing that looks finished.
 * @param {string} folder
 * @param {(temporary: string) => Promise<void>} make
 */
export async function makeOnce(folder, make) {
  if (existsSync(folder)) return folder;
  mkdirSync(dirname(folder), { recursive: true });
  const temporary = mkdtempSync(`${folder}.tmp-`);
  try {
    await make(temporary);
    renameSync(temporary, folder);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    // Another build made the same content meanwhile.
    if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
  }
  return folder;
}

/**
 * Runs `work` while no other process works under this lock. Two would be correct, but do everything
 * twice.
 * @template T
 * @param {string} folder Of the lock.
 * @param {(line: string) => void} log
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function alone(folder, log, work) {
  const lock = join(folder, "lock");
  mkdirSync(folder, { recursive: true });
  for (let waited = false; !take(lock); waited = true) {
    if (!waited) log("waiting for another build");
    await sleep(lockPollMs);
  }
  try {
    return await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

/** @param {string} lock */
function take(lock) {
  try {
    writeFileSync(lock, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
  }
  try {
    process.kill(Number(readFileSync(lock, "utf8")), 0);
  } catch (error) {
    // Left by a build that was killed.
    if (error.code === "ESRCH") rmSync(lock, { force: true });
  }
  return false;
}
