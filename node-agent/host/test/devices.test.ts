import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runProgram, type Thrown, temporaryFolder } from "./agent.ts";
import { openPty } from "./pty.ts";

const settings = `{ baud: 115200, dataBits: 8, stopBits: 1, parity: "none" }`;

test("a serial port is raw: every byte goes out and comes in as it is", async () => {
  const pty = await openPty();
  const everything = Array.from({ length: 256 }, (_, byte) => byte);
  pty.send("answer\r\n\u0003\u0004");
  const { result } = await runProgram<number[]>(`
    const port = host.devices.open(${JSON.stringify(pty.path)});
    port.configureSerial(${settings});
    const bytes = Uint8Array.from(${JSON.stringify(everything)});
    for (let sent = 0; sent < bytes.length;) sent += port.writeSerial(bytes.subarray(sent));
    const read = [];
    while (read.length < 10) read.push(...port.readSerial(4096));
    const nothing = port.readSerial(10).length;
    port.close();
    return [...read, nothing];
  `);
  expect(await pty.received(256)).toBe(String.fromCharCode(...everything));
  expect(result).toEqual([...Buffer.from("answer\r\n\u0003\u0004"), 0]);
});

test("a serial port refuses a speed that there is none of", async () => {
  const pty = await openPty();
  const { result } = await runProgram(`
    host.devices.open(${JSON.stringify(pty.path)})
      .configureSerial({ baud: 12345, dataBits: 8, stopBits: 1, parity: "none" });
  `);
  expect(result.thrown.code).toBe("EINVAL");
});

test("a device does what it is, and nothing else", async () => {
  const pty = await openPty();
  const { result } = await runProgram<string[]>(`
    const port = host.devices.open(${JSON.stringify(pty.path)});
    const codes = [];
    for (const act of [
      () => port.requestLine(0, false, 0), () => port.readLine(), () => port.writeLine(1),
      () => port.transferI2c(8, new Uint8Array(1), 1), () => port.transferSpi(new Uint8Array(1), 0, 0),
    ]) codes.push(await act().then(() => "done", (error) => error.code));
    return codes;
  `);
  // Terminals answer what they do not know with EINVAL or ENOTTY.
  for (const code of result) expect(["ENOTTY", "EINVAL"]).toContain(code);
});

test("what is no character device is not opened", async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "file"), "");
  for (const [path, code] of [
    [join(folder, "file"), "ENODEV"],
    [folder, "EISDIR"],
    [join(folder, "absent"), "ENOENT"],
  ]) {
    const { result } = await runProgram(`host.devices.open(${JSON.stringify(path)})`);
    expect(result.thrown.code).toBe(code);
  }
});

test("a device that was closed does nothing more, and may be closed again", async () => {
  const { result } = await runProgram<Thrown["thrown"][]>(`
    const device = host.devices.open("/dev/null");
    device.close();
    device.close();
    const seen = [];
    for (const act of [() => device.readSerial(1), () => device.writeSerial(new Uint8Array(1)),
      () => device.readLine(), () => device.transferSpi(new Uint8Array(1), 0, 0)]) {
      try { await act(); } catch (error) { seen.push(error.code); }
    }
    return seen;
  `);
  expect(result).toEqual(["CLOSED", "CLOSED", "CLOSED", "CLOSED"]);
});

test("no more than a page goes through at once", async () => {
  const { result } = await runProgram<string[]>(`
    const device = host.devices.open("/dev/null");
    const large = new Uint8Array(4097);
    const seen = [];
    for (const act of [() => device.transferI2c(8, large, 0), () => device.transferI2c(8, new Uint8Array(1), 4097),
      () => device.transferSpi(large, 0, 0), () => device.readSerial(4097), () => device.readSerial(-1),
      () => host.devices.writeAttribute("/dev/null", large)]) {
      try { await act(); seen.push("done"); } catch (error) { seen.push(error.code); }
    }
    return seen;
  `);
  expect(result).toEqual(Array.from({ length: 6 }, () => "TOO_LARGE"));
});

test("attributes are read and written as a whole, and never made", async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "period"), "0\n");
  const { result } = await runProgram<string[]>(`
    const folder = ${JSON.stringify(folder)};
    await host.devices.writeAttribute(folder + "/period", new TextEncoder().encode("25"));
    const text = new TextDecoder().decode(await host.devices.readAttribute(folder + "/period"));
    const codes = await Promise.all([
      host.devices.readAttribute(folder + "/absent").catch((error) => error.code),
      host.devices.writeAttribute(folder + "/absent", new Uint8Array(1)).catch((error) => error.code),
    ]);
    return [text, ...codes];
  `);
  expect(result).toEqual(["25", "ENOENT", "ENOENT"]);
  expect(readFileSync(join(folder, "period"), "utf8")).toBe("25");
});

test("the loop goes on while a device keeps its caller waiting", async () => {
  const fifo = join(temporaryFolder(), "fifo");
  execFileSync("mkfifo", [fifo]);
  const { result } = await runProgram<string>(`
    const fifo = ${JSON.stringify(fifo)};
    const reading = host.devices.readAttribute(fifo);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await host.devices.writeAttribute(fifo, new TextEncoder().encode("went on"));
    return new TextDecoder().decode(await reading);
  `);
  expect(result).toBe("went on");
});
