// Prints the path of a nats-server that the mesh can run on, after downloading one if need be.
import { ensureNatsServer } from "./setup/nats-server.mjs";
import { paths } from "./setup/paths.mjs";
import { reportFailure } from "./setup/phase.mjs";

try {
  const log = (/** @type {string} */ line) => process.stderr.write(`nats-server: ${line}\n`);
  const { path } = await ensureNatsServer({ cache: paths().cache, log });
  process.stdout.write(`${path}\n`);
} catch (error) {
  reportFailure(error);
}
