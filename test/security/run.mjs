// npm run test:security [NUMBER...]: runs what the catalogue of attacks names, then prints the catalogue
// with its outcome. Exit status 1 when an attack has no test that passes, but for parts that are to come.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { repository } from "../../deploy/setup/paths.mjs";
import { reportFailure } from "../../deploy/setup/phase.mjs";
import { setUp } from "../../deploy/setup/set-up.mjs";
import { attacks, placesOf } from "./catalogue.mjs";
import { outcomesOf, tableOf } from "./outcomes.mjs";

const asked = process.argv.slice(2).map(Number);
const numbers = asked.length === 0 ? attacks.map((_, at) => at + 1) : asked;
const places = placesOf();
const files = [...new Set(numbers.flatMap((it) => places.get(it)?.files ?? []))];

try {
  await setUp();
  const folder = mkdtempSync(join(tmpdir(), "cohort-security-"));
  const results = join(folder, "results.json");
  const vitest = join(repository, "node_modules", "vitest", "vitest.mjs");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${results}`];
  if (files.length > 0) {
    const argv = [vitest, "run", "--project", "main", ...reporters, ...files];
    spawnSync(process.execPath, argv, { cwd: repository, stdio: "inherit" });
  }
  /** @type {import("./outcomes.mjs").Report} */
  const report = existsSync(results)
    ? JSON.parse(readFileSync(results, "utf8"))
    : { testResults: [] };
  rmSync(folder, { recursive: true, force: true });
  for (const file of report.testResults) file.name = relative(repository, file.name);
  const outcomes = outcomesOf(numbers, places, report);
  process.stdout.write(`\n${tableOf(outcomes)}\n`);
  process.exitCode = outcomes.every(({ fine }) => fine) ? 0 : 1;
} catch (error) {
  reportFailure(error);
}
