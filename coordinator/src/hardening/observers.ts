import { type Problem, problem } from "@cohort/proto/problem";

/**
 * What the process was started with that would let others look into it: an inspector, code of theirs that is
 * loaded first, snapshots and profiles of the heap, reports, logs of TLS keys and of HTTP headers. Only
 * options of Node's that are known to show nothing may be given, on the command line or in NODE_OPTIONS,
 * so that those of later versions are refused, too.
 */
export function observersOf(process: {
  readonly execArgv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}): Problem[] {
  const { execArgv, env } = process;
  const given = [
    ...execArgv.map((option) => ({ option, by: "its command line" })),
    ...words(env["NODE_OPTIONS"] ?? "").map((option) => ({ option, by: "NODE_OPTIONS" })),
  ];
  const options = given
    .filter(({ option }) => !harmless.has(nameOf(option)))
    .map(({ option, by }) => refused(`${nameOf(option)}, which ${by} has`));
  const variables = ["NODE_DEBUG", "NODE_DEBUG_NATIVE"].filter((it) => (env[it] ?? "") !== "");
  return [...options, ...variables.map(refused)];
}

const harmless = new Set([
  ...["--max-old-space-size", "--max-semi-space-size", "--max-http-header-size"],
  ...["--no-warnings", "--no-deprecation", "--disable-warning", "--enable-source-maps"],
  ...["--stack-trace-limit", "--unhandled-rejections", "--dns-result-order", "--secure-heap"],
  ...["--use-openssl-ca", "--use-bundled-ca", "--disable-proto", "--frozen-intrinsics"],
  ...["--disable-sigusr1", "--jitless", "--enable-fips", "--force-fips", "--v8-pool-size"],
]);

/** Node takes `_` for `-`; a value that follows as a word of its own is refused with its option. */
function nameOf(option: string): string {
  return (option.split("=")[0] as string).replaceAll("_", "-");
}

/** As Node takes NODE_OPTIONS apart, but for quotes: nothing harmless needs any. */
function words(text: string): string[] {
  return text.split(/\s+/).filter((it) => it !== "");
}

function refused(what: string): Problem {
  return problem("SETUP_FAILED", `the coordinator does not start with ${what}`, {
    hint: "It could show secrets to others. Start it without.",
  });
}
