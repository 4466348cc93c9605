import { parseDevice } from "@cohort/proto/devices";
import { refuse } from "@cohort/proto/problem";
import type { DeviceAccess } from "./device-access.ts";
import { GpioDriver } from "./gpio.ts";
import { I2cDriver } from "./i2c.ts";
import { IioDriver } from "./iio.ts";
import type { Driver } from "./operation.ts";
import { PwmDriver } from "./pwm.ts";
import { SerialDriver } from "./serial.ts";
import { SpiDriver } from "./spi.ts";

/** For a device as "class:name"; opens nothing yet. Throws USAGE for what names none. */
export function driverFor(access: DeviceAccess, device: string): Driver {
  const parsed = parseDevice(device);
  if (parsed === null) throw refuse("USAGE", `${JSON.stringify(device)} names no device`);
  const { deviceClass, name } = parsed;
  switch (deviceClass) {
    case "gpio":
      return new GpioDriver(access, name);
    case "i2c":
      return new I2cDriver(access, name);
    case "iio":
      return new IioDriver(access, name);
    case "pwm":
      return new PwmDriver(access, name);
    case "serial":
      return new SerialDriver(access, name);
    case "spi":
      return new SpiDriver(access, name);
  }
}
