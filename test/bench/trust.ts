import { measureCalls } from "./trust/calls.ts";
import { measureLedger } from "./trust/ledger.ts";
import { measureReservations } from "./trust/reservations.ts";
import { measureStreaming } from "./trust/streaming.ts";

/** What trust costs: `npm run bench:trust`, or a part of it with `--only ledger`. */
const parts: Readonly<Record<string, () => Promise<void>>> = {
  calls: measureCalls,
  streaming: measureStreaming,
  ledger: measureLedger,
  reservations: measureReservations,
};

const at = process.argv.indexOf("--only");
const only = at === -1 ? null : (process.argv[at + 1] ?? "");
if (only !== null && parts[only] === undefined) {
  throw new Error(`--only ${only}: the parts are ${Object.keys(parts).join(", ")}`);
}
for (const [name, measure] of Object.entries(parts)) {
  if (only === null || only === name) await measure();
}
