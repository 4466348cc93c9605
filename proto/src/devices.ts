/** Classes of devices that a board may have, as the agent finds them. */
export const deviceClasses = ["gpio", "i2c", "iio", "pwm", "serial", "spi"] as const;
export type DeviceClass = (typeof deviceClasses)[number];

/** What may be done with a device; to actuate includes to read. */
export const deviceAccesses = ["read", "actuate"] as const;
export type DeviceAccess = (typeof deviceAccesses)[number];

/** Names of devices, by class: nothing that could lead elsewhere below /dev or /sys. */
const names: Readonly<Record<DeviceClass, string>> = {
  gpio: "gpiochip\\d{1,5}",
  i2c: "i2c-\\d{1,5}",
  // Whatever its driver calls it; it is looked for, and never part of a path.
  iio: "\\w[\\w.-]{0,62}",
  pwm: "pwmchip\\d{1,5}",
  serial: "tty(?:USB|ACM|AMA|S)\\d{1,5}",
  spi: "spidev\\d{1,5}\\.\\d{1,5}",
};

const named = deviceClasses.map((it) => `${it}:${names[it]}`).join("|");

/** One device, as "iio:accel0". */
export const devicePattern = new RegExp(`^(?:${named})$`);

/** "iio:accel0", or the class alone. */
export const deviceOrClassPattern = new RegExp(`^(?:${deviceClasses.join("|")}|${named})$`);

/** null when the text names no one device. */
export function parseDevice(
  text: string,
): { readonly deviceClass: DeviceClass; readonly name: string } | null {
  if (!devicePattern.test(text)) return null;
  const colon = text.indexOf(":");
  return { deviceClass: text.slice(0, colon) as DeviceClass, name: text.slice(colon + 1) };
}

/** Sensors are only read. */
export function canActuate(device: string): boolean {
  return !device.startsWith("iio:");
}
