// @ts-check
import { SetupError } from "./command.mjs";

const minimum = [20, 19];

/** Throws SetupError when this Node.js, or this system, is one that Cohort does not run on. */
export function checkNode(version = process.versions.node, platform = process.platform) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [majorMinimum = 0, minorMinimum = 0] = minimum;
  if (major < majorMinimum || (major === majorMinimum && minor < minorMinimum)) {
    throw new SetupError(`Node.js ${version} is too old`, {
      command: "node --version",
      remedy: `Install Node.js ${minimum.join(".")} or newer and start this with it.`,
    });
  }
  if (platform !== "linux") {
    throw new SetupError(`the system is ${platform}`, {
      remedy: "Run this on Linux; the agent's sandbox is made of the Linux kernel's namespaces.",
    });
  }
  return version;
}
