import type { DeviceGrant, NodeEvent } from "@cohort/proto/gen/cohort/node";
import { afterEach, describe, expect, it } from "vitest";
import { PretendedDevices } from "../../node/pretended-devices.ts";
import type { PretendedStep } from "../../node/sandbox.ts";
import { type JournalRecord, RecordCodec } from "../../src/journal/record.ts";
import { ask, type Said } from "../kit/ask.ts";
import { MemoryDisk } from "../kit/memory-files.ts";
import { dispatchOf, startNode, type TestNode } from "../kit/node.ts";

let node: TestNode;
afterEach(async () => await node.stop());

const key = { run: "r1", step: "step", instance: 0, attempt: 1 };
const actuate = (device: string, lines: number[] = []): DeviceGrant => ({
  device,
  access: "actuate",
  lines,
});
const read = (device: string): DeviceGrant => ({ device, access: "read", lines: [] });

interface Played {
  readonly devices: PretendedDevices;
  readonly events: NodeEvent[];
}

/** Runs a step with these grants, and resolves when it has ended. */
async function play(
  grants: DeviceGrant[],
  act: (step: PretendedStep, devices: PretendedDevices) => Promise<void>,
  disk = new MemoryDisk(),
): Promise<Played> {
  const devices = new PretendedDevices([
    ..."gpiochip0 gpiochip1 i2c-1 spidev0.0 ttyUSB0".split(" ").map((it) => `/dev/${it}`),
  ]);
  let failed: unknown;
  node = await startNode(
    async (step) => {
      await act(step, devices).catch((error) => {
        failed = error;
      });
      return undefined;
    },
    { devices, disk },
  );
  await node.mesh.dispatch(dispatchOf("r1", { devices: grants }));
  await node.until(() => node.mesh.finished(key) !== undefined);
  if (failed !== undefined) throw failed;
  return { devices, events: node.mesh.events };
}

const actuations = (events: readonly NodeEvent[]) =>
  events.flatMap(({ event }) => (event?.$case === "actuated" ? [event.value] : []));

describe("a step's device", () => {
  it("is at the address that the step is told, which lists what was granted", async () => {
    const said: Said[] = [];
    await play([read("gpio:gpiochip0")], async (step) => {
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
    const { devices } = await play([actuate("gpio:gpiochip0")], async (step, { lines }) => {
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
    const { devices, events } = await play(grants.map(read), async (step) => {
      said = await ask(step, `/.devices/${path}`, body);
    });
    expect(said).toMatchObject({ status: 403, body: { code: "GRANT_MISSING" } });
    expect([devices.lines.size, devices.sent.size, actuations(events)]).toEqual([0, 0, []]);
  });

  it("is refused beyond the lines that were granted, read or written", async () => {
    const said: number[] = [];
    const { devices } = await play([actuate("gpio:gpiochip0", [3])], async (step) => {
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
    await play([read("gpio:gpiochip0")], async (step) => {
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
    await play([read("gpio:gpiochip0")], async (step) => {
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
    await play(
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
    await play([read("i2c:i2c-1")], async (step, { chips }) => {
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
    const { devices } = await play([actuate("spi:spidev0.0")], async (step) => {
      said = await ask(step, "/.devices/spi/spidev0.0", { do: "transfer", bytes: "00ff10" });
    });
    expect(said?.body).toEqual({ bytes: "ff00ef" });
    expect(devices.sent.get("/dev/spidev0.0")).toEqual([Uint8Array.of(0, 255, 16)]);
  });

  it("speaks to a serial port line by line, and keeps what came in behind a line", async () => {
    const values: unknown[] = [];
    const { devices } = await play([actuate("serial:ttyUSB0")], async (step, { incoming }) => {
      incoming.set(
        "/dev/ttyUSB0",
        [..."one\ntwo"].map((it) => it.charCodeAt(0)),
      );
      const device = "/.devices/serial/ttyUSB0";
      await ask(step, device, { do: "write", bytes: "3f", baud: 115200, parity: "even" });
      const line = { do: "read", until: "0a", baud: 115200, parity: "even", timeout_ms: 5 };
      values.push((await ask(step, device, line)).body.bytes);
      values.push((await ask(step, device, line)).body.bytes);
    });
    expect(values).toEqual(["6f6e650a", "74776f"]);
    expect(devices.settings.get("/dev/ttyUSB0")).toEqual({
      ...{ baud: 115200, dataBits: 8, stopBits: 1, parity: "even" },
    });
  });
});

describe("what a step did with its devices", () => {
  it("is done in turn, where a step asks for several things at once", async () => {
    const said: number[] = [];
    await play([actuate("gpio:gpiochip0")], async (step) => {
      const body = { do: "read", line: 3 };
      const all = Array.from({ length: 5 }, () => ask(step, "/.devices/gpio/gpiochip0", body));
      said.push(...(await Promise.all(all)).map(({ status }) => status));
    });
    expect(said).toEqual([200, 200, 200, 200, 200]);
  });

  it("may be to write to a serial port while it waits for an answer", async () => {
    let answer = "";
    await play([actuate("serial:ttyUSB0")], async (step, { incoming, sent }) => {
      const device = "/.devices/serial/ttyUSB0";
      const reading = ask(step, device, { do: "read", length: 2, timeout_ms: 9000 });
      await ask(step, device, { do: "write", bytes: "3f" });
      expect(sent.get("/dev/ttyUSB0")).toHaveLength(1);
      incoming.set("/dev/ttyUSB0", [79, 75]);
      answer = (await reading).body.bytes;
    });
    expect(answer).toBe("4f4b");
  });

  it("is told: each write by itself, with the hash of what was written, and reads as a sum", async () => {
    const { events } = await play(
      [actuate("gpio:gpiochip0"), read("i2c:i2c-1")],
      async (step, { chips }) => {
        chips.set("/dev/i2c-1 72", new Uint8Array(8));
        for (const value of [1, 0]) {
          await ask(step, "/.devices/gpio/gpiochip0", { do: "write", line: 3, value });
        }
        for (const length of [4, 2]) {
          await ask(step, "/.devices/i2c/i2c-1", { do: "read", address: 72, length });
        }
      },
    );
    const { crypto } = node.mesh.host;
    const told = { device: "gpio:gpiochip0", operation: "write", target: "line 3", bytes: 1 };
    expect(actuations(events)).toEqual([
      { ...told, sha256: crypto.sha256(Uint8Array.of(1)) },
      { ...told, sha256: crypto.sha256(Uint8Array.of(0)) },
    ]);
    const finished = node.mesh.finished(key);
    expect(finished?.usage?.deviceReads).toEqual([{ device: "i2c:i2c-1", count: 2, bytes: 6 }]);
  });

  it("is told in order, before the step's end", async () => {
    const { events } = await play([actuate("gpio:gpiochip0")], async (step) => {
      await ask(step, "/.devices/gpio/gpiochip0", { do: "write", line: 3, value: 1 });
    });
    expect(events.map(({ event }) => event?.$case)).toEqual(["started", "actuated", "finished"]);
  });

  it("is on the disk before it is done", async () => {
    const disk = new MemoryDisk();
    let records: JournalRecord[] = [];
    const act = async (step: PretendedStep, devices: PretendedDevices) => {
      const open = devices.open.bind(devices);
      devices.open = (path) => {
        disk.losePower();
        const file = (name: string) => disk.contents.get(`/data/${name}`) ?? new Uint8Array();
        const codec = new RecordCodec(node.mesh.host.crypto, file("journal.key"));
        records = codec.decode(file("journal"));
        return open(path);
      };
      await ask(step, "/.devices/gpio/gpiochip0", { do: "write", line: 3, value: 1 });
    };
    await play([actuate("gpio:gpiochip0")], act, disk);
    const kinds = records.map((it) => (it.kind === "event" ? it.event.event?.$case : it.kind));
    expect(kinds).toContain("actuated");
  });

  it("is not done where the disk does not take it", async () => {
    const disk = new MemoryDisk();
    let said: Said | undefined;
    const { devices } = await play(
      [actuate("gpio:gpiochip0")],
      async (step) => {
        disk.full = true;
        said = await ask(step, "/.devices/gpio/gpiochip0", { do: "write", line: 3, value: 1 });
        disk.full = false;
      },
      disk,
    );
    expect(said).toMatchObject({ status: 503, body: { code: "LEDGER_UNWRITABLE" } });
    expect(devices.lines.size).toBe(0);
  });

  it("is told also of an attempt that was superseded meanwhile", async () => {
    const devices = new PretendedDevices(["/dev/gpiochip0"]);
    let written = () => {};
    const done = new Promise<void>((resolve) => {
      written = resolve;
    });
    node = await startNode(
      async (step) => {
        await ask(step, "/.devices/gpio/gpiochip0", { do: "write", line: 3, value: 1 });
        written();
        await step.killed;
        return undefined;
      },
      { devices },
    );
    node.mesh.acknowledging = false;
    await node.mesh.dispatch(dispatchOf("r1", { devices: [actuate("gpio:gpiochip0")] }));
    await done;
    node.mesh.superseded = [key];
    node.mesh.disconnect();
    await node.until(() => node.mesh.hellos.length > 1);
    node.mesh.acknowledging = true;
    await node.until(() => actuations(node.mesh.events).length > 0);
    expect(node.mesh.events.map(({ event }) => event?.$case)).toEqual(["actuated"]);
  }, 60_000);
});

describe("two steps", () => {
  it("do not share a serial port, which is free again when the first has ended", async () => {
    const devices = new PretendedDevices(["/dev/ttyUSB0"]);
    const said: number[] = [];
    let second = () => {};
    const begun = new Promise<void>((resolve) => {
      second = resolve;
    });
    let end = () => {};
    const over = new Promise<void>((resolve) => {
      end = resolve;
    });
    const write = { do: "write", bytes: "41" };
    node = await startNode(
      async (step) => {
        const { status } = await ask(step, "/.devices/serial/ttyUSB0", write);
        said.push(status);
        if (step.spec.environment["COHORT_RUN"] === "r1") {
          second();
          await over;
        }
        return undefined;
      },
      { devices, slots: 2 },
    );
    const finished = (run: string) => node.mesh.finished({ ...key, run }) !== undefined;
    const send = (run: string) =>
      node.mesh.dispatch(dispatchOf(run, { devices: [actuate("serial:ttyUSB0")] }));
    await send("r1");
    await begun;
    await send("r2");
    await node.until(() => finished("r2"));
    end();
    await node.until(() => finished("r1"));
    await send("r3");
    await node.until(() => finished("r3"));
    expect(said).toEqual([200, 429, 200]);
  });
});
