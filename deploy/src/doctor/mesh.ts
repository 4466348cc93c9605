import { execFile } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { agentPath } from "../../setup/agent.mjs";
import { findNatsServer, natsServerMinimum } from "../../setup/nats-server.mjs";
import type { Paths } from "../../setup/paths.mjs";
import type { Check } from "../doctor.ts";
import { portNames, storedPorts } from "../mesh/ports.ts";
import { isFree } from "../supervisor/free-port.ts";
import { holderOf } from "../supervisor/instance.ts";
import { failed, messageOf, passed } from "./check.ts";

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
  try {
    const { stdout } = await promisify(execFile)(path, ["probe"], { timeout: probeMs });
    const level = /\b(strict|standard|refused)\b/.exec(stdout)?.[1] ?? "unknown";
    const detail = `isolation ${level}`;
    if (level === "strict" || level === "standard") return passed("agent", detail);
    return failed("agent", detail, `Run \`${path} probe\`: it names what this kernel lacks.`);
  } catch (error) {
    return failed("agent", messageOf(error), "Remove .cohort/build and run `npm start`.");
  }
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
export function dataFolder({ home, vaultKey, operatorContext, gatewayContext }: Paths): Check {
  const present = [home, vaultKey, operatorContext, gatewayContext].filter(existsSync);
  if (present.length === 0) return passed("data", `${home} will be created`);
  const foreign = present.find((path) => statSync(path).uid !== process.getuid?.());
  if (foreign !== undefined) {
    return failed("data", `${foreign} belongs to another user`, `As root: chown -R $USER ${home}`);
  }
  const open = present.find((path) => path !== home && (statSync(path).mode & 0o077) !== 0);
  if (open !== undefined) return failed("data", `others can read ${open}`, `chmod 600 ${open}`);
  return passed("data", home);
}
