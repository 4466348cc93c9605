import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Makes a folder once: `make` fills a temporary one, which takes the final name only when complete,
 * so that an interrupted build leaves nothing that looks finished.
 * @param {string} folder
 * @param {(temporary: string) => Promise<void>} make
 */
export async function makeOnce(folder, make) {
  if (existsSync(folder)) return folder;
  const temporary = `${folder}.${process.pid}.tmp`;
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(dirname(folder), { recursive: true });
  mkdirSync(temporary);
  await make(temporary);
  try {
    renameSync(temporary, folder);
  } catch (error) {
    // Another build made the same content meanwhile.
    if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    rmSync(temporary, { recursive: true, force: true });
  }
  return folder;
}
