import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { nodeDevices } from "../../node/devices.ts";
import { nodeFiles } from "../../node/files.ts";
import type { DeviceAccess } from "../../src/devices/device-access.ts";
import { driverFor } from "../../src/devices/drivers.ts";
import { findDevices } from "../../src/devices/find-devices.ts";

/** A folder that looks as /dev and /sys do; sysfs is files, so that is all there is to pretend. */
function pretend(files: Readonly<Record<string, string>>): DeviceAccess {
  const root = mkdtempSync(join(tmpdir(), "cohort-devices-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return {
    ...{ devices: nodeDevices, files: nodeFiles, root },
    work: (act) => act(),
    delay: async () => {},
    monotonic: () => 0,
  };
}

const sensors = "sys/bus/iio/devices";
const perform = async (access: DeviceAccess, device: string, fields: Record<string, unknown>) =>
  (await driverFor(access, device).operation(fields).perform()).answer;

describe("a sensor", () => {
  it("is found by its driver's name, and read channel by channel in the kernel's units", async () => {
    const access = pretend({
      [`${sensors}/iio:device0/name`]: "other\n",
      [`${sensors}/iio:device1/name`]: "accel0\n",
      [`${sensors}/iio:device1/in_accel_x_raw`]: "-200\n",
      [`${sensors}/iio:device1/in_accel_y_raw`]: "100\n",
      [`${sensors}/iio:device1/in_accel_scale`]: "0.5\n",
      [`${sensors}/iio:device1/in_accel_y_offset`]: "10\n",
      [`${sensors}/iio:device1/in_voltage0_raw`]: "7\n",
      [`${sensors}/iio:device1/in_voltage0-voltage1_raw`]: "3\n",
      [`${sensors}/iio:device1/in_voltage_scale`]: "2\n",
      [`${sensors}/iio:device1/in_rms_input`]: "4.5\n",
      [`${sensors}/iio:device1/sampling_frequency`]: "100\n",
    });
    expect(findDevices(access.files, access.root)).toEqual(["iio:accel0", "iio:other"]);
    expect(await perform(access, "iio:accel0", { do: "read" })).toEqual({
      accel_x: -100,
      accel_y: 55,
      voltage0: 14,
      "voltage0-voltage1": 6,
      rms: 4.5,
    });
  });

  it("that is gone is a failure that says so", async () => {
    const access = pretend({ [`${sensors}/iio:device0/name`]: "accel0\n" });
    await expect(perform(access, "iio:accel1", { do: "read" })).rejects.toThrow("not there");
  });

  it("cannot be written", () => {
    const driver = driverFor(pretend({}), "iio:accel0");
    expect(() => driver.operation({ do: "write" })).toThrow(/"do" says "write"/);
  });
});

describe("a PWM channel", () => {
  const chip = "sys/class/pwm/pwmchip0";
  const channel = {
    [`${chip}/pwm1/period`]: "1000",
    [`${chip}/pwm1/duty_cycle`]: "900",
    [`${chip}/pwm1/enable`]: "1",
  };
  const value = (access: DeviceAccess, name: string) =>
    readFileSync(join(access.root, chip, "pwm1", name), "utf8");

  it("is read, and set in an order in which its duty never exceeds its period", async () => {
    const access = pretend(channel);
    const order: string[] = [];
    const devices = {
      ...nodeDevices,
      writeAttribute: async (path: string, bytes: Uint8Array) => {
        order.push(path.split("/").at(-1) ?? "");
        await nodeDevices.writeAttribute(path, bytes);
      },
    };
    const before = { period_ns: 1000, duty_ns: 900, enabled: true };
    expect(await perform(access, "pwm:pwmchip0", { do: "read", channel: 1 })).toEqual(before);
    const set = { do: "set", channel: 1, period_ns: 500, duty_ns: 100 };
    await perform({ ...access, devices }, "pwm:pwmchip0", set);
    expect(order).toEqual(["duty_cycle", "period", "enable"]);
    expect([value(access, "period"), value(access, "duty_cycle")]).toEqual(["500", "100"]);
    order.length = 0;
    const off = { ...set, period_ns: 2000, duty_ns: 1500, enabled: false };
    await perform({ ...access, devices }, "pwm:pwmchip0", off);
    expect(order).toEqual(["enable", "period", "duty_cycle"]);
    expect(value(access, "enable")).toBe("0");
  });

  it("that nobody has used reads as off, and is asked of the chip to be set", async () => {
    const access = pretend({ [`${chip}/export`]: "" });
    const off = { period_ns: 0, duty_ns: 0, enabled: false };
    expect(await perform(access, "pwm:pwmchip0", { do: "read", channel: 1 })).toEqual(off);
    const set = { do: "set", channel: 1, period_ns: 500, duty_ns: 100 };
    await expect(perform(access, "pwm:pwmchip0", set)).rejects.toThrow("no channel 1");
    expect(readFileSync(join(access.root, chip, "export"), "utf8")).toBe("1");
  });
});
