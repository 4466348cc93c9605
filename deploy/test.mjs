// npm test: sets up what the tests run against, checks the sources, then hands over to vitest with
// the same arguments. With arguments only the named tests run, without the checks.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { command } from "./setup/command.mjs";
import { repository } from "./setup/paths.mjs";
import { phase, reportFailure } from "./setup/phase.mjs";
import { setUp } from "./setup/set-up.mjs";

const argv = process.argv.slice(2);

/** @param {string} name @param {string[]} program below node_modules/.bin @param {string} remedy */
async function check(name, program, remedy) {
  const [file = "", ...rest] = program;
  const path = join(repository, "node_modules", ".bin", file);
  await phase(name, async () => {
    await command([path, ...rest], { what: `${name} found faults`, remedy, directory: repository });
    return "clean";
  });
}

try {
  await setUp();
  if (argv.length === 0) {
    await check("lint, format", ["biome", "check", "."], "npx biome check --write .");
    await check("types", ["tsc", "-p", "."], "npx tsc -p . lists them all.");
  }
  const vitest = join(repository, "node_modules", "vitest", "vitest.mjs");
  const { status } = spawnSync(process.execPath, [vitest, "run", ...argv], {
    cwd: repository,
    stdio: "inherit",
  });
  process.exitCode = status ?? 1;
} catch (error) {
  reportFailure(error);
}
