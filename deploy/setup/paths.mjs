import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout that this file belongs to. */
export const repository = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/**
 * Where everything that is not source lives. The state of one mesh moves with COHORT_HOME; downloads
 * are shared by all of them unless COHORT_CACHE says otherwise.
 *
 * @param {NodeJS.ProcessEnv} environment
 */
export function paths(environment = process.env) {
  const home = absolute(environment.COHORT_HOME, join(repository, ".cohort"));
  const cache = absolute(environment.COHORT_CACHE, join(repository, ".cohort", "cache"));
  return {
    home,
    cache,
    logs: join(home, "log"),
    build: join(repository, ".cohort", "build"),
    coordinatorData: join(home, "data", "coordinator"),
    gatewayData: join(home, "data", "gateway"),
    exampleData: join(home, "data", "example"),
    nodeData: (/** @type {string} */ name) => join(home, "data", "nodes", name),
    operatorContext: join(home, "operator.json"),
    gatewayContext: join(home, "gateway.json"),
    vaultKey: join(home, "vault.key"),
  };
}

/** @param {string | undefined} path @param {string} fallback */
function absolute(path, fallback) {
  if (path === undefined || path === "") return fallback;
  return resolve(path.replace(/^~(?=\/|$)/, homedir()));
}
