import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { refuse } from "@cohort/proto/problem";
import * as z from "zod";
import { freePort, isFree } from "../supervisor/free-port.ts";

/** Who listens where, all on loopback. */
export const portNames = ["nats", "console", "mqtt", "webhooks", "maintenance"] as const;
export type PortName = (typeof portNames)[number];
export type Ports = Readonly<Record<PortName, number>>;

const defaults: Ports = {
  nats: 7422,
  console: 7443,
  mqtt: 7883,
  webhooks: 7880,
  maintenance: 7843,
};
const port = z.int().min(1).max(65_535);
const stored = z.strictObject({
  nats: port,
  console: port,
  mqtt: port,
  webhooks: port,
  maintenance: port,
});

/** COHORT_NATS_PORT and so on: what an operator asked for; 0 for any that is free. */
export function requestedPorts(environment: NodeJS.ProcessEnv): Partial<Ports> {
  const asked = portNames.flatMap((name) => {
    const text = environment[variable(name)];
    return text === undefined || text === "" ? [] : [[name, parsePort(variable(name), text)]];
  });
  return Object.fromEntries(asked) as Partial<Ports>;
}

/**
 * The ports of a mesh. Nodes keep the address that they enrolled with, so a port once chosen is kept
 * in `path` and holds until another is asked for.
 */
export async function choosePorts(path: string, requested: Partial<Ports>): Promise<Ports> {
  const before = existsSync(path);
  const chosen = { ...storedPorts(path) };
  for (const name of portNames) {
    const asked = requested[name];
    if (asked === undefined) continue;
    if (asked !== 0) chosen[name] = asked;
    else if (!before) chosen[name] = await freePort();
  }
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, `${JSON.stringify(chosen)}\n`);
  return chosen;
}

/** The ports that were chosen before, or the usual ones. Throws SETUP_FAILED when they are unreadable. */
export function storedPorts(path: string): Ports {
  if (!existsSync(path)) return defaults;
  try {
    return stored.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (cause) {
    const hint = "Remove it to take the usual ports again; nodes would have to join anew.";
    throw refuse("SETUP_FAILED", `${path} does not hold the mesh's ports`, { hint }, cause);
  }
}

/** Throws SETUP_FAILED naming the first port that something else holds. */
export async function requireFree(ports: Ports, names: readonly PortName[]): Promise<void> {
  for (const name of names) {
    if (await isFree(ports[name])) continue;
    throw refuse("SETUP_FAILED", `port ${ports[name]} (${name}) is in use`, {
      hint: `Stop what listens there, or set ${variable(name)} to another port.`,
    });
  }
}

function variable(name: PortName): string {
  return `COHORT_${name.toUpperCase()}_PORT`;
}

function parsePort(name: string, text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= 65_535) return value;
  throw refuse("USAGE", `${name} is not a port: ${text}`, {
    hint: "Give a number from 0 to 65535.",
  });
}
