import { type DeviceFile, type Devices, HostError, type SerialSettings } from "../src/host.ts";
import { nodeDevices } from "./devices.ts";

/** Devices in memory, for tests and simulators: what was done with them is there to look at. */
export class PretendedDevices implements Devices {
  /** Paths of what can be opened. */
  readonly paths: ReadonlySet<string>;
  /** By "path line". */
  readonly lines = new Map<string, { value: number; output: boolean; taken: boolean }>();
  /** Registers of chips on buses, by "path address". */
  readonly chips = new Map<string, Uint8Array>();
  /** All that was sent by SPI or a serial port, by path, in order. */
  readonly sent = new Map<string, Uint8Array[]>();
  /** What serial ports will read, by path. */
  readonly incoming = new Map<string, number[]>();
  readonly settings = new Map<string, SerialSettings>();
  /** Files that are open. */
  openFiles = 0;
  readonly readAttribute = nodeDevices.readAttribute;
  readonly writeAttribute = nodeDevices.writeAttribute;

  constructor(paths: readonly string[]) {
    this.paths = new Set(paths);
  }

  open(path: string): DeviceFile {
    if (!this.paths.has(path)) throw new HostError("ENOENT", `opening ${path}`);
    return this.#file(path, null);
  }

  #file(path: string, line: string | null): DeviceFile {
    this.openFiles++;
    let open = true;
    const state = () => {
      const found = line === null ? undefined : this.lines.get(line);
      if (found === undefined) throw new HostError("ENOTTY", "no line");
      return found;
    };
    return {
      requestLine: async (number, output, value) => {
        const id = `${path} ${number}`;
        const before = this.lines.get(id) ?? { value: 0, output: false, taken: false };
        if (before.taken) throw new HostError("EBUSY", "taking a line");
        const after = output ? { value, output } : { value: before.value, output: before.output };
        this.lines.set(id, { ...after, taken: true });
        return this.#file(path, id);
      },
      readLine: async () => state().value,
      writeLine: async (value) => {
        state().value = value;
      },
      transferI2c: async (address, bytes, length) => this.#transfer(path, address, bytes, length),
      transferSpi: async (bytes) => {
        this.#note(path, bytes);
        return bytes.map((byte) => 255 - byte);
      },
      configureSerial: (settings) => void this.settings.set(path, settings),
      readSerial: (length) => Uint8Array.from(this.incoming.get(path)?.splice(0, length) ?? []),
      writeSerial: (bytes) => {
        this.#note(path, bytes);
        return bytes.length;
      },
      close: () => {
        if (!open) return;
        open = false;
        this.openFiles--;
        if (line !== null) state().taken = false;
      },
    };
  }

  /** A chip whose first byte written is the register that all else begins at. */
  #transfer(path: string, address: number, bytes: Uint8Array, length: number): Uint8Array {
    const registers = this.chips.get(`${path} ${address}`);
    if (registers === undefined) throw new HostError("ENXIO", "a transfer by I2C");
    const [register = 0, ...values] = bytes;
    registers.set(values, register);
    return registers.slice(register, register + length);
  }

  #note(path: string, bytes: Uint8Array): void {
    const before = this.sent.get(path) ?? [];
    this.sent.set(path, [...before, bytes.slice()]);
  }
}
