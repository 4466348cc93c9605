// @ts-check
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { command } from "./command.mjs";

/** @param {string} program */
export function onPath(program, searchPath = process.env["PATH"] ?? "") {
  return searchPath.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return folder !== "";
    } catch {
      return false;
    }
  });
}

/**
 * Installs Debian packages on this machine, as root or by a sudo that asks nothing. Throws SetupError
 * with the line to type when neither is possible.
 *
 * @param {string[]} names
 */
export async function installSystemPackages(names) {
  const root = process.getuid?.() === 0 ? [] : ["sudo", "-n"];
  // apt serves one at a time: whoever is at it now may finish.
  const aptGet = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300"];
  const options = {
    what: `${names.join(", ")} could not be installed`,
    remedy: `As root: apt-get update && apt-get install -y ${names.join(" ")}`,
    environment: { DEBIAN_FRONTEND: "noninteractive" },
  };
  await command([...root, ...aptGet, "update"], options);
  const install = [...aptGet, "-y", "--no-install-recommends", "install"];
  await command([...root, ...install, ...names], options);
}
