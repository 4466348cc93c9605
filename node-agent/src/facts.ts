import type { Facts } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { refuse } from "@cohort/proto/problem";
import { findDevices } from "./devices/find-devices.ts";
import type { Files, Host } from "./host.ts";
import { agentLimits } from "./limits.ts";

/** What the node says of itself; what there is now. For `deviceRoot` see `findDevices`. */
export function nodeFacts(
  host: Host,
  slots: number,
  dataDirectory: string,
  deviceRoot: string,
): Facts {
  const { version, arch, kernel, hostname, cores, memoryBytes } = host.info;
  const { sizeBytes, freeBytes } = diskOf(host.files, dataDirectory);
  return {
    ...{ version, arch, kernel, hostname, cores, memoryBytes, slots },
    isolation: host.sandbox.probe().level,
    devices: findDevices(host.files, deviceRoot),
    models: findModels(host.files, `${dataDirectory}/models`),
    temperatureCelsius: findTemperature(host.files),
    diskBytes: sizeBytes,
    diskFreeBytes: freeBytes,
  };
}

/** Whether the coordinator should be told, `sinceMs` after it was told `before`. */
export function isNews(before: Facts, now: Facts, sinceMs: number): boolean {
  const still = { temperatureCelsius: now.temperatureCelsius, diskFreeBytes: now.diskFreeBytes };
  if (JSON.stringify({ ...before, ...still }) !== JSON.stringify(now)) return true;
  if (sinceMs < agentLimits.readingsToldMsMin) return false;
  const diskStepBytes = now.diskBytes * agentLimits.diskStepShare;
  if (Math.abs(now.diskFreeBytes - before.diskFreeBytes) > diskStepBytes) return true;
  const [was, is] = [before.temperatureCelsius, now.temperatureCelsius];
  if (was === undefined || is === undefined) return was !== is;
  return Math.abs(is - was) >= agentLimits.temperatureStepCelsius;
}

/** One a processor, as far as half of the memory goes round. */
export function defaultSlots(host: Host): number {
  const byMemory = Math.floor(host.info.memoryBytes / 2 / agentLimits.slotMemoryBytes);
  return Math.max(1, Math.min(host.info.cores, byMemory, agentLimits.slotsDefaultMax));
}

/** Throws ISOLATION_INSUFFICIENT when this kernel cannot confine a step. */
export function assertIsolation(host: Host): void {
  const probe = host.sandbox.probe();
  if (probe.level !== "refused") return;
  const missing = probe.features
    .filter((feature) => !feature.available)
    .map((feature) => `${feature.name} (${feature.reason})`);
  throw refuse("ISOLATION_INSUFFICIENT", `this kernel lacks ${missing.join(", ")}`, {
    hint: "Run as root, or allow user namespaces; `probe` lists what the agent looks for.",
  });
}

/** Nothing is known of a disk that cannot be asked, as before the data folder is made. */
function diskOf(files: Files, path: string): ReturnType<Files["space"]> {
  try {
    return files.space(path);
  } catch {
    return { sizeBytes: 0, freeBytes: 0 };
  }
}

/** What the operator put there for steps to find; a file that is still being written too. */
function findModels(files: Files, folder: string): string[] {
  try {
    const names = files.list(folder).filter((name) => modelName.test(name));
    return names.slice(0, limits.modelsMax);
  } catch {
    return [];
  }
}

const modelName = new RegExp(`^[A-Za-z0-9][A-Za-z0-9._+-]{0,${limits.modelLengthMax - 1}}$`);

/** Of the hottest zone, in whole degrees. https://docs.kernel.org/driver-api/thermal/sysfs-api.html */
function findTemperature(files: Files): number | undefined {
  const celsius = zonesOf(files)
    .map((zone) => millidegrees(files, `${thermalFolder}/${zone}/temp`))
    .filter((it) => it !== null)
    .map((it) => Math.round(it / 1000))
    .filter((it) => it > -273 && it < 1000);
  return celsius.length === 0 ? undefined : Math.max(...celsius);
}

const thermalFolder = "/sys/class/thermal";

function zonesOf(files: Files): string[] {
  try {
    return files.list(thermalFolder).filter((name) => /^thermal_zone\d+$/.test(name));
  } catch {
    return [];
  }
}

/** null for a sensor that gives nothing at the moment. */
function millidegrees(files: Files, path: string): number | null {
  try {
    const bytes = files.read(path);
    const text = bytes === null ? "" : new TextDecoder().decode(bytes).trim();
    return /^-?\d{1,7}$/.test(text) ? Number(text) : null;
  } catch {
    return null;
  }
}
