import { parseArgs } from "node:util";
import { isPlant, plants } from "./plants.ts";
import { report } from "./report.ts";
import { shrink } from "./shrink.ts";
import { simulate } from "./sim.ts";
import { sweep } from "./sweep.ts";

const usage = `npm run sim -- [--seed N] [--ticks M] [--seeds K] [--until-stopped] [--sweep | --edge N] [--plant BUG]

  --seed N         the first seed (1)
  --ticks M        ticks with faults, 100 ms each (600)
  --seeds K        how many seeds, one after the other (1)
  --until-stopped  seed after seed until one fails or the process is stopped
  --sweep          instead of random faults, a death at every edge of a write, one after the other
  --edge N         without other faults, a death at that edge
  --plant BUG      ${plants.join(", ")}
`;

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    ticks: { type: "string", default: "600" },
    seeds: { type: "string", default: "1" },
    plant: { type: "string" },
    sweep: { type: "boolean", default: false },
    edge: { type: "string" },
    "until-stopped": { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const first = Number(values.seed);
const ticks = Number(values.ticks);
const count = values["until-stopped"] ? Number.POSITIVE_INFINITY : Number(values.seeds);
const plant = values.plant ?? null;
const edge = values.edge === undefined ? null : Number(values.edge);
if (
  values.help ||
  !(first >= 0 && ticks > 0 && count > 0 && (edge ?? 0) >= 0) ||
  (plant !== null && !isPlant(plant))
) {
  process.stderr.write(usage);
  process.exit(values.help ? 0 : 2);
}
for (let seed = first; seed < first + count; seed++) {
  if (values.sweep) {
    const { edges, failed } = await sweep({ seed, ticks, plant });
    process.stdout.write(`seed ${seed}: ${edges} edges\n`);
    if (failed === null) continue;
    process.stdout.write(report(failed.outcome, failed.options));
    process.exit(1);
  }
  if (edge !== null) {
    const options = { seed, ticks, plant, edge, faults: [] };
    const outcome = await simulate(options);
    process.stdout.write(report(outcome, options));
    process.exit(outcome.violation === null ? 0 : 1);
  }
  const outcome = await simulate({ seed, ticks, plant });
  const { runs, attempts, events, dropped, tick, fingerprint } = outcome;
  const id = (fingerprint >>> 0).toString(16).padStart(8, "0");
  process.stdout.write(
    `seed ${seed}: ${runs} runs, ${attempts} attempts, ${events} events (${dropped} dropped), ${tick} ticks, ${id}\n`,
  );
  if (outcome.violation === null) continue;
  process.stderr.write("violated; looking for the least that does it\n");
  const least = await shrink({ seed, ticks, plant }, outcome);
  process.stdout.write(report(least.outcome, least.options));
  process.exit(1);
}
