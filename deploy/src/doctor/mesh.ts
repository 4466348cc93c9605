import { execFile } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { agentPath } from "../../setup/agent.mjs";
import { findNatsServer, natsServerMinimum } from "../../setup/nats-server.mjs";
import type { Paths } from "../../setup/paths.mjs";
import type { Check } from "../doctor.ts";
import { portNames, storedPorts } from "../mesh/ports.ts";
import { isFree } from "../supervisor/free-port.ts";
import { holderOf } from "../supervisor/instance.ts";
import { failed, passed } from "./check.ts";

const probeMs = 10_000;

export function natsServer({ cache }: Paths): Check {
  const found = findNatsServer({ cache });
  if (found !== null) return passed("nats-server", `${found.version} at ${found.path}`);
  const remedy = "Run `npm start`, or install it and put it on PATH.";
  return failed("nats-server", `none of at least ${natsServerMinimum} found`, remedy);
}

/** Asks the binary itself what this kernel lets it isolate. */
export async function agent(path: string = agentPath()): Promise<Check> {
  if (!existsSync(path)) return failed("agent", `${path} is not built`, "Run `npm start`.");
  const { stdout, fault } = await probe(path);
  const level = /^isolation: (\w+)/m.exec(stdout)?.[1];
  if (level === undefined)
    return failed("agent", fault, "Remove .cohort/build and run `npm start`.");
  const detail = `isolation ${level}`;
  if (fault === "") return passed("agent", detail);
  return failed("agent", detail, `Run \`${path} probe\`: it names what this kernel lacks.`);
}

/** The table goes to stdout also when the kernel does not do, which the exit status tells. */
function probe(path: string): Promise<{ stdout: string; fault: string }> {
  return new Promise((resolve) =>
    execFile(path, ["probe"], { timeout: probeMs }, (error, stdout) =>
      resolve({ stdout, fault: error === null ? "" : error.message }),
    ),
  );
}

/** Each port is free, or held by the mesh of this home folder. */
export async function portsInUse(paths: Paths): Promise<Check[]> {
  const ports = storedPorts(join(paths.home, "ports.json"));
  const ours = holderOf(paths.home) !== null;
  return Promise.all(
    portNames.map(async (name) => {
      const label = `port ${ports[name]}`;
      if (await isFree(ports[name])) return passed(label, `free for ${name}`);
      if (ours) return passed(label, `${name} of the mesh that runs`);
      const remedy = `Stop what listens there, or set COHORT_${name.toUpperCase()}_PORT.`;
      return failed(label, `taken, ${name} cannot have it`, remedy);
    }),
  );
}

/** Keys and tokens lie in there: it must be ours and closed to everyone else. */
export function dataFolder(paths: Paths): Check {
  const { home, vaultKey, operatorContext, approverContext, gatewayContext } = paths;
  const keys = [vaultKey, operatorContext, approverContext, gatewayContext];
  const present = [home, ...keys].filter(existsSync);
  if (present.length === 0) return passed("data", `${home} will be created`);
  const foreign = present.find((path) => statSync(path).uid !== process.getuid?.());
  if (foreign !== undefined) {
    return failed("data", `${foreign} belongs to another user`, `As root: chown -R $USER ${home}`);
  }
  const open = present.find((path) => path !== home && (statSync(path).mode & 0o077) !== 0);
  if (open !== undefined) return failed("data", `others can read ${open}`, `chmod 600 ${open}`);
  return passed("data", home);
}
