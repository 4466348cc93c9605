// npm test: sets up what the tests run against, then hands over to vitest with the same arguments.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { repository } from "./setup/paths.mjs";
import { reportFailure } from "./setup/phase.mjs";
import { setUp } from "./setup/set-up.mjs";

try {
  await setUp();
  const vitest = join(repository, "node_modules", "vitest", "vitest.mjs");
  const argv = [vitest, "run", ...process.argv.slice(2)];
  const { status } = spawnSync(process.execPath, argv, { cwd: repository, stdio: "inherit" });
  process.exitCode = status ?? 1;
} catch (error) {
  reportFailure(error);
}
