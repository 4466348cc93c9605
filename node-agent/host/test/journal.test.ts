import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runProgram, temporaryFolder } from "./agent.ts";

/** Run in a process of its own, as after a restart. */
function withJournal<Result>(path: string, source: string) {
  return runProgram<Result>(`
    const journal = Journal.open(host, ${JSON.stringify(path)});
    const attempt = (run) => ({ run, step: "s", instance: 0, attempt: 1 });
    const log = (data) => ({ $case: "log", value: { stream: 1, offset: 0, data: new Uint8Array(data) } });
    const runs = (attempts) => attempts.map(({ run }) => run);
    ${source}
  `);
}

test("what was journalled is there after a restart, and what was acknowledged is not", async () => {
  const path = join(temporaryFolder(), "journal");
  await withJournal(
    path,
    `
    journal.accept([attempt("a"), attempt("b")]);
    journal.record(attempt("a"), log([1, 255]), 5);
    await journal.sync();
    journal.acknowledge(journal.batch(1, 1e6)[0].seq);
    journal.record(attempt("b"), log([7]), 2 ** 40);
    await journal.sync();
  `,
  );
  const { result } = await withJournal(
    path,
    "return [runs(journal.unfinished()), journal.batch(9, 1e6).map((it) => [it.attempt.run, it.atMs])];",
  );
  expect(result).toEqual([["a", "b"], [["b", 2 ** 40]]]);
});

test("a spoiled record costs itself alone", async () => {
  const path = join(temporaryFolder(), "journal");
  const accept = (run: string) => `journal.accept([attempt("${run}")]); await journal.sync();`;
  await withJournal(path, ["first-run", "second-run", "third-run"].map(accept).join(""));
  const bytes = readFileSync(path);
  const at = bytes.indexOf("second-run");
  bytes[at] = (bytes[at] as number) ^ 1;
  writeFileSync(path, bytes);
  const { result } = await withJournal(path, "return runs(journal.unfinished());");
  expect(result).toEqual(["first-run", "third-run"]);
});
