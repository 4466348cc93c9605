import { describe, expect, it } from "vitest";
import { findDevices } from "../../src/devices/find-devices.ts";
import type { Files } from "../../src/host.ts";

/** A machine with these folders and files. */
function machine(
  folders: Readonly<Record<string, readonly string[]>>,
  files: Readonly<Record<string, string>> = {},
): Files {
  return {
    list: (path: string) => [...(folders[path] ?? [])],
    read: (path: string) => {
      const text = files[path];
      return text === undefined ? null : new TextEncoder().encode(text);
    },
  } as Files;
}

describe("the devices of a machine", () => {
  it("are found by class, and sensors by the name that their driver gives them", () => {
    const files = machine(
      {
        "/dev": ["gpiochip0", "i2c-1", "null", "spidev0.1", "ttyUSB0", "ttyACM1", "tty1", "sda"],
        "/sys/class/pwm": ["pwmchip0"],
        "/sys/bus/iio/devices": ["iio:device0", "iio:device1", "trigger0"],
      },
      { "/sys/bus/iio/devices/iio:device0/name": "accel0\n" },
    );
    expect(findDevices(files, "")).toEqual([
      "gpio:gpiochip0",
      "i2c:i2c-1",
      "iio:accel0",
      "pwm:pwmchip0",
      "serial:ttyACM1",
      "serial:ttyUSB0",
      "spi:spidev0.1",
    ]);
  });

  it("are none where there are none, and where the agent may not look", () => {
    expect(findDevices(machine({}), "")).toEqual([]);
    const refused = () => {
      throw new Error("EACCES");
    };
    expect(findDevices({ list: refused, read: refused } as unknown as Files, "")).toEqual([]);
  });

  it("leave out a sensor whose name could not be required, and go no further than the limit", () => {
    const sensors = { "/sys/bus/iio/devices": ["iio:device0"] };
    const names = { "/sys/bus/iio/devices/iio:device0/name": "a b\u001b[2J" };
    expect(findDevices(machine(sensors, names), "")).toEqual([]);
    const many = Array.from({ length: 200 }, (_, at) => `i2c-${at}`);
    expect(findDevices(machine({ "/dev": many }), "")).toHaveLength(64);
  });
});
