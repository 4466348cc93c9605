// npm test: sets up what the tests run against, checks the sources, then hands over to vitest with
// the same arguments, and closes with how many tests passed and failed. With arguments only the named tests run, without the checks.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setUpBoards } from "../test/board/kit/set-up-boards.mjs";
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
  const ofBoards = (/** @type {string} */ name) => /test\/board|node-agent/.test(name);
  if (argv.length === 0 || argv.some(ofBoards)) await setUpBoards();
  if (argv.length === 0) {
    await check("lint, format", ["biome", "check", "."], "npx biome check --write .");
    await check("types", ["tsc", "-p", "."], "npx tsc -p . lists them all.");
  }
  const vitest = join(repository, "node_modules", "vitest", "vitest.mjs");
  const results = join(mkdtempSync(join(tmpdir(), "cohort-results-")), "results.json");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${results}`];
  const { status } = spawnSync(process.execPath, [vitest, "run", ...reporters, ...argv], {
    cwd: repository,
    stdio: "inherit",
  });
  if (existsSync(results)) {
    const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(results, "utf8"));
    // A file that does not even load has no test to count.
    const failed = status === 0 ? 0 : Math.max(1, numFailedTests);
    process.stdout.write(`${numPassedTests} passed, ${failed} failed\n`);
  }
  rmSync(dirname(results), { recursive: true, force: true });
  process.exitCode = status ?? 1;
} catch (error) {
  reportFailure(error);
}
