import { printResults } from "../table.ts";
import { CallBench, timesEach } from "./call-bench.ts";

const nodes = 4;
const bytes = 48 * 1024 * 1024;
/** By which V8 has compiled what they run through. */
const warmUpRounds = 3;

/** Answers of 48 MiB to several nodes at once, scrubbed, over nats-server and TLS. */
export async function measureStreaming(): Promise<void> {
  const bench = await CallBench.start(nodes);
  try {
    for (let round = 0; round < warmUpRounds; round += 1) await bench.answers(bytes);
    const before = bench.cpuMs();
    const begin = performance.now();
    await bench.answers(bytes);
    const seconds = (performance.now() - begin) / 1000;
    const megabytes = (nodes * bytes) / 1e6;
    printResults(
      "streamed answers",
      [
        { what: `${nodes} at once`, unit: "MB/s", value: megabytes / seconds, least: 100 },
        ...timesEach(before, bench.cpuMs(), megabytes),
      ],
      "",
    );
  } finally {
    await bench.stop();
  }
}
