import { deviceClasses, devicePattern } from "@cohort/proto/devices";
import { limits } from "@cohort/proto/limits";
import type { Files } from "../host.ts";

/**
 * Devices of the machine that steps may be about, as "class:name", sorted; what is there now. `root`
 * is where /dev and /sys lie: "" but for a machine that is pretended.
 */
export function findDevices(files: Files, root: string): string[] {
  const nodes = namesIn(files, `${root}/dev`).flatMap((file) =>
    deviceClasses.filter((it) => it !== "iio" && it !== "pwm").map((it) => `${it}:${file}`),
  );
  const chips = namesIn(files, `${root}/sys/class/pwm`).map((chip) => `pwm:${chip}`);
  const sensors = namesIn(files, root + sensorFolder).flatMap((entry) => {
    const name = sensorName(files, root, entry);
    return name === "" ? [] : [`iio:${name}`];
  });
  return [...new Set([...nodes, ...chips, ...sensors])]
    .filter((device) => devicePattern.test(device))
    .sort()
    .slice(0, limits.devicesMax);
}

/** [] also where the agent may not look. */
function namesIn(files: Files, folder: string): string[] {
  try {
    return files.list(folder);
  } catch {
    return [];
  }
}

const sensorFolder = "/sys/bus/iio/devices";

/** Folder of the sensor that its driver calls so; null when there is none any more. */
export function findSensor(files: Files, root: string, name: string): string | null {
  const folder = root + sensorFolder;
  const entry = namesIn(files, folder).find((it) => sensorName(files, root, it) === name);
  return entry === undefined ? null : `${folder}/${entry}`;
}

/** What the driver calls it; "" for what is no sensor, or has gone meanwhile. */
function sensorName(files: Files, root: string, entry: string): string {
  if (!/^iio:device\d+$/.test(entry)) return "";
  try {
    const bytes = files.read(`${root}${sensorFolder}/${entry}/name`);
    return bytes === null ? "" : new TextDecoder().decode(bytes).trim();
  } catch {
    return "";
  }
}
