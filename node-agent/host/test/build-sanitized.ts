import { join, resolve } from "node:path";
import { buildAgent } from "../../toolchain/build.mjs";

/** Before the tests, as it takes minutes where nothing is cached, and a test has its time limit. */
export default async function buildSanitized(): Promise<void> {
  await buildAgent({
    main: join(import.meta.dirname, "program.ts"),
    outFile: resolve(import.meta.dirname, "../../../.cohort/build/test/cohort-agent-sanitize"),
    sanitize: true,
  });
}
