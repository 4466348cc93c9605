// npm start: sets everything up, then runs the example mesh. `npm start -- --help` tells more.
import { reportFailure } from "./setup/phase.mjs";
import { setUp } from "./setup/set-up.mjs";

try {
  await setUp();
  const { main } = await import(new URL("dist/start.mjs", import.meta.url).href);
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  reportFailure(error);
}
