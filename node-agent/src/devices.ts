import { type DeviceClass, devicePattern } from "@cohort/proto/devices";
import { limits } from "@cohort/proto/limits";
import type { Files } from "./host.ts";

/** Devices of the machine that steps may be about, as "class:name", sorted; what is there now. */
export function findDevices(files: Files): string[] {
  const nodes = namesIn(files, "/dev").flatMap((file) => {
    const found = deviceFiles.find(([, pattern]) => pattern.test(file));
    return found === undefined ? [] : [`${found[0]}:${file}`];
  });
  const chips = namesIn(files, "/sys/class/pwm").map((chip) => `pwm:${chip}`);
  const sensors = namesIn(files, sensorFolder).flatMap((entry) => {
    const name = sensorName(files, entry);
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

const deviceFiles: readonly (readonly [DeviceClass, RegExp])[] = [
  ["gpio", /^gpiochip\d+$/],
  ["i2c", /^i2c-\d+$/],
  ["spi", /^spidev\d+\.\d+$/],
  ["serial", /^tty(?:USB|ACM|AMA|S)\d+$/],
];

const sensorFolder = "/sys/bus/iio/devices";

/** What the driver calls it; "" for what is no sensor, or has gone meanwhile. */
function sensorName(files: Files, entry: string): string {
  if (!entry.startsWith("iio:device")) return "";
  try {
    const bytes = files.read(`${sensorFolder}/${entry}/name`);
    return bytes === null ? "" : new TextDecoder().decode(bytes).trim();
  } catch {
    return "";
  }
}
