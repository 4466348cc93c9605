import { describe, expect, it, onTestFinished } from "vitest";
import { PretendedDevices } from "../../node/pretended-devices.ts";
import type { PretendedStep } from "../../node/sandbox.ts";
import { type JournalRecord, RecordCodec } from "../../src/journal/record.ts";
import { ask, type Said } from "../kit/ask.ts";
import { MemoryDisk } from "../kit/memory-files.ts";
import { dispatchOf, startNode, type TestNode } from "../kit/node.ts";
import { actuate, actuations, key, playDevices, read } from "../kit/play-devices.ts";

describe("what a step did with its devices", () => {
  it("is done in turn, where a step asks for several things at once", async () => {
    const said: number[] = [];
    await playDevices([actuate("gpio:gpiochip0")], async (step) => {
      const body = { do: "read", line: 3 };
      const all = Array.from({ length: 5 }, () => ask(step, "/.devices/gpio/gpiochip0", body));
      said.push(...(await Promise.all(all)).map(({ status }) => status));
    });
    expect(said).toEqual([200, 200, 200, 200, 200]);
  });

  it("may be to write to a serial port while it waits for an answer", async () => {
    let answer = "";
    await playDevices([actuate("serial:ttyUSB0")], async (step, { incoming, sent }) => {
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
    const { node, events } = await playDevices(
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
    const { events } = await playDevices([actuate("gpio:gpiochip0")], async (step) => {
      await ask(step, "/.devices/gpio/gpiochip0", { do: "write", line: 3, value: 1 });
    });
    expect(events.map(({ event }) => event?.$case)).toEqual(["started", "actuated", "finished"]);
  });

  it("is on the disk before it is done", async () => {
    const disk = new MemoryDisk();
    let records: JournalRecord[] = [];
    const act = async (step: PretendedStep, devices: PretendedDevices, it: TestNode) => {
      const open = devices.open.bind(devices);
      devices.open = (path) => {
        disk.losePower();
        const file = (name: string) => disk.contents.get(`/data/${name}`) ?? new Uint8Array();
        const codec = new RecordCodec(it.mesh.host.crypto, file("journal.key"));
        records = codec.decode(file("journal"));
        return open(path);
      };
      await ask(step, "/.devices/gpio/gpiochip0", { do: "write", line: 3, value: 1 });
    };
    await playDevices([actuate("gpio:gpiochip0")], act, disk);
    const kinds = records.map((it) => (it.kind === "event" ? it.event.event?.$case : it.kind));
    expect(kinds).toContain("actuated");
  });

  it("is not done where the disk does not take it", async () => {
    const disk = new MemoryDisk();
    let said: Said | undefined;
    const { devices } = await playDevices(
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
    const node: TestNode = await startNode(
      async (step) => {
        await ask(step, "/.devices/gpio/gpiochip0", { do: "write", line: 3, value: 1 });
        written();
        await step.killed;
        return undefined;
      },
      { devices },
    );
    onTestFinished(() => node.stop());
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
    const node: TestNode = await startNode(
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
    onTestFinished(() => node.stop());
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
