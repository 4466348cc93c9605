import { installSystemPackages, onPath } from "../../deploy/setup/system-packages.mjs";
import { architectures, buildMachine } from "./architectures.mjs";

/**
 * The command by which this machine runs a static program of another processor; none for its own. It
 * passes on neither namespaces nor seccomp nor Landlock, so it does for logic alone. Installed where it
 * is missing.
 * @param {string} arch A key of `architectures`.
 * @returns {Promise<string[]>}
 */
export async function userEmulator(arch) {
  const architecture = architectures[arch];
  if (architecture === undefined) throw new Error(`no architecture ${arch}`);
  if (architecture === buildMachine()) return [];
  const name = `qemu-${architecture.gnu.split("-")[0]}`;
  // Debian 12 has static ones under a name of their own.
  const found = () => [name, `${name}-static`].find((it) => onPath(it));
  if (found() === undefined) await installSystemPackages(["qemu-user"]);
  return [found() ?? name];
}
