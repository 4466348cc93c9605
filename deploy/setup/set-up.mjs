// @ts-check
import { ensureAgent } from "./agent.mjs";
import { ensureBundles } from "./bundles.mjs";
import { ensureNatsServer } from "./nats-server.mjs";
import { checkNode } from "./node-version.mjs";
import { ensureNpmPackages } from "./npm-packages.mjs";
import { paths, repository } from "./paths.mjs";
import { phase } from "./phase.mjs";

/** Everything that a checkout needs before it can run, each phase cached. Throws SetupError. */
export async function setUp() {
  await phase("node", async () => checkNode());
  await phase("packages", (progress) => ensureNpmPackages(repository, progress));
  await phase("bundles", () => ensureBundles(repository));
  await phase("nats-server", async (progress) => {
    const { version, origin } = await ensureNatsServer({ cache: paths().cache, log: progress });
    return `${version} from ${origin === "path" ? "PATH" : "the project's cache"}`;
  });
  await phase("agent", ensureAgent);
}
