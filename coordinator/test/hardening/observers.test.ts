import { describe, expect, it } from "vitest";
import { observersOf } from "../../src/hardening/observers.ts";

const showing = [
  ...["--inspect", "--inspect=0.0.0.0:9229", "--inspect-brk", "--inspect_brk", "--inspect-wait"],
  ...["--inspect-port=1", "--debug-port=1", "--heapsnapshot-signal=SIGUSR2"],
  ...[
    "--heapsnapshot-near-heap-limit=3",
    "--heap-prof",
    "--cpu-prof",
    "--prof",
    "--diagnostic-dir=/tmp",
  ],
  ...["--report-on-signal", "--report-uncaught-exception", "--report-on-fatalerror"],
  ...[
    "--abort-on-uncaught-exception",
    "--tls-keylog=/tmp/keys",
    "--trace-tls",
    "--trace-events-enabled",
  ],
  ...["--require=./x.js", "-r", "--import=./x.mjs", "--loader=./x.mjs", "--experimental-loader"],
  ...[
    "--expose-internals",
    "--expose-gc",
    "--allow-natives-syntax",
    "--experimental-something-new",
  ],
];

describe("what the coordinator is started with", () => {
  it.each(showing)("is refused when it is %s, wherever it stands (attack 112)", (option) => {
    const message = expect.stringContaining(option.split("=")[0]?.replaceAll("_", "-") ?? "");
    const refused = [expect.objectContaining({ code: "SETUP_FAILED", message })];
    expect(observersOf({ execArgv: [option], env: {} })).toEqual(refused);
    expect(observersOf({ execArgv: [], env: { NODE_OPTIONS: ` ${option}\t` } })).toEqual(refused);
  });

  it.each(["NODE_DEBUG", "NODE_DEBUG_NATIVE"])("is refused when it has %s", (name) => {
    expect(observersOf({ execArgv: [], env: { [name]: "http" } })).toHaveLength(1);
    expect(observersOf({ execArgv: [], env: { [name]: "" } })).toEqual([]);
  });

  it("may be what shows nothing", () => {
    const execArgv = ["--max-old-space-size=512", "--max_semi_space_size=16", "--no-warnings"];
    const env = { NODE_OPTIONS: "--dns-result-order=ipv4first  --enable-source-maps" };
    expect(observersOf({ execArgv, env })).toEqual([]);
  });

  it("is told as a whole", () => {
    const env = { NODE_OPTIONS: "--inspect --heap-prof", NODE_DEBUG: "tls" };
    expect(observersOf({ execArgv: ["--cpu-prof"], env })).toHaveLength(4);
  });
});
