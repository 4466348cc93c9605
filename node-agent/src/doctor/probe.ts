import type { Host } from "../host.ts";
import { enforcement, shortfalls } from "./isolation.ts";

/** What isolation this kernel gives, and why not more. */
export function probeReport(host: Host) {
  const probe = host.sandbox.probe();
  return {
    level: probe.level,
    features: probe.features,
    shortfalls: shortfalls(host, probe),
    limits: probe.level === "refused" ? [] : enforcement(probe.level),
  };
}

export function formatProbe({ level, features, ...rest }: ReturnType<typeof probeReport>): string {
  const lines = [`isolation: ${level}`];
  for (const { name, available } of features) {
    const missing = rest.shortfalls.find(({ feature }) => feature === name);
    lines.push(`  ${available ? "yes" : "no "}  ${name}${missing ? `  ${missing.reason}` : ""}`);
    if (missing !== undefined && missing.remedy !== "") lines.push(`         ${missing.remedy}`);
  }
  if (rest.limits.length > 0) lines.push("limits:");
  const width = Math.max(...rest.limits.map(([limit]) => limit.length));
  for (const [limit, means] of rest.limits) lines.push(`  ${limit.padEnd(width)}  ${means}`);
  return `${lines.join("\n")}\n`;
}
