import { openThreadedLog } from "../kit/threaded-log.ts";
import { entries } from "./samples.ts";

/** A process that appends for ever, ten at once, and says on stdout how far it is durable. */
const [path = "", program = ""] = process.argv.slice(2);
const log = openThreadedLog(path, program);
try {
  for (;;) {
    const from = log.size + 1;
    await Promise.all(entries(from, from + 9).map((it) => log.append([it])));
    process.stdout.write(`durable ${log.size}\n`);
  }
} catch (error) {
  process.stdout.write(`failed ${(error as { code: string }).code}\n`, () => process.exit(1));
}
