import { describe, expect, it } from "vitest";
import { ask, type Said } from "../kit/ask.ts";
import { actuate, actuations, playDevices, read } from "../kit/play-devices.ts";

describe("a step's device", () => {
  it("is at the address that the step is told, which lists what was granted", async () => {
    const said: Said[] = [];
    await playDevices([read("gpio:gpiochip0")], async (step) => {
      expect(step.spec.environment["COHORT_DEVICES"]).toBe("http://127.0.0.1:7070/.devices");
      expect(step.spec.environment).not.toHaveProperty("COHORT_PROXY");
      said.push(await ask(step, "/.devices"));
    });
    expect(said[0]).toMatchObject({
      status: 200,
      body: { devices: [{ device: "gpio:gpiochip0" }] },
    });
  });

  it("is read as it is, and driven when the grant is to actuate", async () => {
    const values: unknown[] = [];
    const { devices } = await playDevices([actuate("gpio:gpiochip0")], async (step, { lines }) => {
      lines.set("/dev/gpiochip0 3", { value: 1, output: false, taken: false });
      const line = { line: 3 };
      values.push((await ask(step, "/.devices/gpio/gpiochip0", { do: "read", ...line })).body);
      values.push(lines.get("/dev/gpiochip0 3")?.output);
      await ask(step, "/.devices/gpio/gpiochip0", { do: "write", ...line, value: 0 });
      values.push({ ...lines.get("/dev/gpiochip0 3") });
      values.push((await ask(step, "/.devices/gpio/gpiochip0", { do: "read", ...line })).body);
    });
    expect(values).toEqual([
      { value: 1 },
      false,
      { value: 0, output: true, taken: true },
      { value: 0 },
    ]);
    // Given back when the step has ended.
    expect(devices.openFiles).toBe(0);
    expect(devices.lines.get("/dev/gpiochip0 3")?.taken).toBe(false);
  });

  it.each([
    ["a device that was not granted", "gpio/gpiochip1", { do: "read", line: 3 }],
    ["a write where reading was granted", "gpio/gpiochip0", { do: "write", line: 3, value: 1 }],
    [
      "a line beside those that were granted",
      "i2c/i2c-1",
      { do: "write", address: 72, bytes: "00" },
    ],
    ["a transfer where reading was granted", "spi/spidev0.0", { do: "transfer", bytes: "00" }],
    ["a serial write where reading was granted", "serial/ttyUSB0", { do: "write", bytes: "41" }],
    [
      "to set a PWM that was granted to read",
      "pwm/pwmchip0",
      { do: "set", channel: 0, period_ns: 9, duty_ns: 1 },
    ],
  ])("is refused by the node itself: %s", async (_, path, body) => {
    let said: Said | undefined;
    const grants = [
      "gpio:gpiochip0",
      "i2c:i2c-1",
      "spi:spidev0.0",
      "serial:ttyUSB0",
      "pwm:pwmchip0",
    ];
    const { devices, events } = await playDevices(grants.map(read), async (step) => {
      said = await ask(step, `/.devices/${path}`, body);
    });
    expect(said).toMatchObject({ status: 403, body: { code: "GRANT_MISSING" } });
    expect([devices.lines.size, devices.sent.size, actuations(events)]).toEqual([0, 0, []]);
  });

  it("is refused beyond the lines that were granted, read or written", async () => {
    const said: number[] = [];
    const { devices } = await playDevices([actuate("gpio:gpiochip0", [3])], async (step) => {
      for (const line of [3, 4]) {
        for (const more of [{ do: "read" }, { do: "write", value: 1 }]) {
          said.push((await ask(step, "/.devices/gpio/gpiochip0", { ...more, line })).status);
        }
      }
    });
    expect(said).toEqual([200, 200, 403, 403]);
    expect([...devices.lines.keys()]).toEqual(["/dev/gpiochip0 3"]);
  });

  it("is refused to a step without any device, and the proxy to one without any service", async () => {
    const said: Said[] = [];
    await playDevices([read("gpio:gpiochip0")], async (step) => {
      said.push(await ask(step, "/llm/v1", {}));
      said.push(await ask(step, "/.devicesx", {}));
    });
    for (const it of said)
      expect(it).toMatchObject({ status: 403, body: { code: "GRANT_MISSING" } });
  });

  it.each([
    "/.devices/gpio/..",
    "/.devices/gpio/../i2c/i2c-1",
    "/.devices/gpio/%2e%2e",
    "/.devices/gpio/mem",
    "/.devices/serial/sda",
    "/.devices/disk/sda",
    "/.devices/gpio/gpiochip0/x",
    "/.devices//gpiochip0",
    "/.devices/gpio",
  ])("has no other name: %s", async (path) => {
    let said: Said | undefined;
    await playDevices([read("gpio:gpiochip0")], async (step) => {
      said = await ask(step, path, { do: "read", line: 0 });
    });
    expect(said).toMatchObject({ status: 400, body: { code: "USAGE" } });
  });

  it.each([
    ["no JSON", "gpio/gpiochip0", "{", /no JSON object/],
    ["a list", "gpio/gpiochip0", [], /no JSON object/],
    ["nothing to do", "gpio/gpiochip0", {}, /"line" must be|"do" says nothing/],
    ["something else to do", "gpio/gpiochip0", { do: "burn", line: 1 }, /"do" says "burn"/],
    ["no line", "gpio/gpiochip0", { do: "read" }, /"line" must be a whole number/],
    ["a line that is none", "gpio/gpiochip0", { do: "read", line: -1 }, /"line" must be/],
    ["a value that is none", "gpio/gpiochip0", { do: "write", line: 1, value: 2 }, /one of 0, 1/],
    ["another field", "gpio/gpiochip0", { do: "read", line: 1, x: 1 }, /"x" is no field/],
    [
      "an address that is reserved",
      "i2c/i2c-1",
      { do: "read", address: 3, length: 1 },
      /"address"/,
    ],
    ["too much", "i2c/i2c-1", { do: "read", address: 72, length: 4097 }, /"length" must be/],
    ["half a byte", "spi/spidev0.0", { do: "transfer", bytes: "abc" }, /"bytes" must be/],
    ["no bytes", "spi/spidev0.0", { do: "transfer", bytes: "" }, /"bytes" must be/],
    ["to wait for ever", "serial/ttyUSB0", { do: "read", timeout_ms: 1e9 }, /"timeout_ms" must be/],
    [
      "a duty above the period",
      "pwm/pwmchip0",
      { do: "set", channel: 0, period_ns: 5, duty_ns: 6 },
      /"duty_ns"/,
    ],
    [
      "an inherited field",
      "gpio/gpiochip0",
      '{"do":"read","__proto__":{"line":1}}',
      /"line" must be/,
    ],
  ])("says what is wrong with %s", async (_, path, body, message) => {
    let said: Said | undefined;
    const grants = [
      "gpio:gpiochip0",
      "i2c:i2c-1",
      "spi:spidev0.0",
      "serial:ttyUSB0",
      "pwm:pwmchip0",
    ];
    await playDevices(
      grants.map((it) => actuate(it)),
      async (step) => {
        said = await ask(step, `/.devices/${path}`, body);
      },
    );
    expect(said?.body.code).toBe("USAGE");
    expect(said?.body.message).toMatch(message);
  });

  it("speaks I2C: registers are read without a grant to actuate", async () => {
    const values: unknown[] = [];
    await playDevices([read("i2c:i2c-1")], async (step, { chips }) => {
      chips.set("/dev/i2c-1 72", Uint8Array.of(1, 2, 3, 4));
      const device = "/.devices/i2c/i2c-1";
      values.push(
        (await ask(step, device, { do: "read", address: 72, length: 2, register: 1 })).body,
      );
      values.push((await ask(step, device, { do: "read", address: 73, length: 2 })).body.code);
    });
    expect(values).toEqual([{ bytes: "0203" }, "DEVICE_FAILED"]);
  });

  it("speaks SPI both ways at once", async () => {
    let said: Said | undefined;
    const { devices } = await playDevices([actuate("spi:spidev0.0")], async (step) => {
      said = await ask(step, "/.devices/spi/spidev0.0", { do: "transfer", bytes: "00ff10" });
    });
    expect(said?.body).toEqual({ bytes: "ff00ef" });
    expect(devices.sent.get("/dev/spidev0.0")).toEqual([Uint8Array.of(0, 255, 16)]);
  });

  it("speaks to a serial port line by line, and keeps what came in behind a line", async () => {
    const values: unknown[] = [];
    const { devices } = await playDevices(
      [actuate("serial:ttyUSB0")],
      async (step, { incoming }) => {
        incoming.set(
          "/dev/ttyUSB0",
          [..."one\ntwo"].map((it) => it.charCodeAt(0)),
        );
        const device = "/.devices/serial/ttyUSB0";
        await ask(step, device, { do: "write", bytes: "3f", baud: 115200, parity: "even" });
        const line = { do: "read", until: "0a", baud: 115200, parity: "even", timeout_ms: 5 };
        values.push((await ask(step, device, line)).body.bytes);
        values.push((await ask(step, device, line)).body.bytes);
      },
    );
    expect(values).toEqual(["6f6e650a", "74776f"]);
    expect(devices.settings.get("/dev/ttyUSB0")).toEqual({
      ...{ baud: 115200, dataBits: 8, stopBits: 1, parity: "even" },
    });
  });
});
