import { afterAll, beforeAll, beforeEach } from "vitest";
import { bundle, execute, type Finished, writeContext } from "./cohort.ts";
import { type FakeConsole, startFakeConsole } from "./fake-console.ts";

/** The built command line and a fake console for a file's tests, fresh for each test. */
export interface CliUnderTest {
  /** Path of the bundle. */
  readonly cohort: string;
  readonly fake: FakeConsole;
  /** Path of the context file that leads to the fake console. */
  readonly context: string;
  run(argv: readonly string[], options?: Parameters<typeof execute>[2]): Promise<Finished>;
}

/** To be called once at the top of a test file; what it returns is filled before the first test. */
export function useCli(): CliUnderTest {
  let cohort = "";
  let fake: FakeConsole;
  let context = "";

  beforeAll(async () => {
    cohort = await bundle("console/cli/main.ts");
    fake = await startFakeConsole();
    context = writeContext(fake.context);
  });

  afterAll(() => fake.stop());

  beforeEach(() => {
    fake.handlers = {};
    fake.requests.length = 0;
  });

  return {
    get cohort() {
      return cohort;
    },
    get context() {
      return context;
    },
    get fake() {
      return fake;
    },
    run: (argv, options = {}) => execute(cohort, ["--context", context, ...argv], options),
  };
}
