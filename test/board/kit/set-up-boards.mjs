// @ts-check
import { ensureAgent } from "../../../deploy/setup/agent.mjs";
import { phase } from "../../../deploy/setup/phase.mjs";
import { userEmulator } from "../../../node-agent/toolchain/user-emulator.mjs";
import { processors } from "./processors.mjs";
import { provideBoard } from "./provide-board.mjs";

/**
 * What the tests of other processors need, so that none of them waits for a compiler or a download.
 * Throws SetupError.
 */
export async function setUpBoards() {
  const boards = /** @type {import("./processors.mjs").BoardArch[]} */ (Object.keys(processors));
  for (const arch of boards) {
    await phase("agent", (progress) => ensureAgent(progress, arch));
    await phase("emulator", async () => {
      const [command = "none"] = await userEmulator(arch);
      return command;
    });
    await phase("board", async (progress) => {
      const { kernel } = await provideBoard(arch, progress);
      return kernel.slice(kernel.lastIndexOf("/") + 1);
    });
  }
}
