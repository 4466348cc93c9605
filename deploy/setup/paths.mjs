// @ts-check
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout. This file and every bundle that holds it lie two folders below it. */
export const repository = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** @typedef {ReturnType<typeof paths>} Paths */

/**
 * Where everything that is not source lives. The state of a mesh moves with `home` (or COHORT_HOME);
 * downloads and builds are shared by all meshes of a checkout; COHORT_CACHE moves the downloads.
 *
 * @param {{ home?: string | undefined, environment?: NodeJS.ProcessEnv }} options
 */
export function paths({ home, environment = process.env } = {}) {
  const root = absolute(home ?? environment["COHORT_HOME"], join(repository, ".cohort"));
  return {
    home: root,
    cache: absolute(environment["COHORT_CACHE"], join(repository, ".cohort", "cache")),
    agent: join(repository, ".cohort", "build", "agent"),
    logs: join(root, "log"),
    coordinatorData: join(root, "data", "coordinator"),
    exampleData: join(root, "data", "example"),
    nodeData: (/** @type {string} */ name) => join(root, "data", "nodes", name),
    operatorContext: join(root, "operator.json"),
    approverContext: join(root, "approver.json"),
    gatewayContext: join(root, "gateway.json"),
    vaultKey: join(root, "vault.key"),
    brokerUsers: join(root, "data", "gateway", "broker-users.json"),
  };
}

/** @param {string | undefined} path @param {string} fallback */
function absolute(path, fallback) {
  if (path === undefined || path === "") return fallback;
  return resolve(path.replace(/^~(?=\/|$)/, homedir()));
}
