// Prints the path of a nats-server that the mesh can run on, after downloading one if need be.
import { SetupError } from "./setup/command.mjs";
import { ensureNatsServer } from "./setup/nats-server.mjs";
import { paths } from "./setup/paths.mjs";

try {
  const { path } = await ensureNatsServer({
    cache: paths().cache,
    log: (line) => process.stderr.write(`nats-server: ${line}\n`),
  });
  process.stdout.write(`${path}\n`);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`${error.format()}\n`);
  process.exitCode = 1;
}
