import { percentile } from "../scheduler/processes.ts";
import { printResults } from "../table.ts";
import { CallBench, timesEach } from "./call-bench.ts";

/** With their calls all that the coordinator lets be out at once. */
const nodes = 8;
const atOnce = 16;
const seconds = 8;
const steadyPerSecond = 200;
/** What runs one after the other is compiled anew by V8, for what then comes together and what apart. */
const steadyWarmUpSeconds = 20;

/**
 * Proxied calls with all that goes with them, over nats-server and TLS, to a service over TLS: as many
 * as there can be, and what they add to a direct call at a steady rate.
 */
export async function measureCalls(): Promise<void> {
  const bench = await CallBench.start(nodes);
  try {
    await bench.warmUp(atOnce);
    const before = bench.cpuMs();
    const count = await bench.full(seconds, atOnce);
    const times = timesEach(before, bench.cpuMs(), count);
    await bench.steady(steadyPerSecond, steadyWarmUpSeconds, (node) => bench.proxied(node));
    const direct = await bench.steady(steadyPerSecond, seconds, () => bench.direct());
    const proxied = await bench.steady(steadyPerSecond, seconds, (node) => bench.proxied(node));
    const added = (share: number) => percentile(proxied, share) - percentile(direct, share);
    printResults(
      "proxied calls",
      [
        { what: "calls, all at once", unit: "calls/s", value: count / seconds, least: 1_000 },
        ...times,
        { what: `added at ${steadyPerSecond}/s, p50`, unit: "ms", value: added(0.5), limit: 3 },
        { what: `added at ${steadyPerSecond}/s, p99`, unit: "ms", value: added(0.99), limit: 15 },
      ],
      "",
    );
  } finally {
    await bench.stop();
  }
}
