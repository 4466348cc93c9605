import { refuse } from "@cohort/proto/problem";
import { concatenate } from "../bytes.ts";
import type { DeviceFile, SerialSettings } from "../host.ts";
import { agentLimits } from "../limits.ts";
import type { DeviceAccess } from "./device-access.ts";
import { FieldReader, noOperation, toHex } from "./fields.ts";
import { HeldFile } from "./held-file.ts";
import { type Driver, type Fields, nothingWritten, type Operation } from "./operation.ts";

/** A serial port; what comes in between two operations of the attempt is kept by the kernel. */
export class SerialDriver implements Driver {
  readonly #access: DeviceAccess;
  readonly #file: HeldFile;
  #settings = "";
  #closed = false;
  /** What came in behind the mark that a read ended at. */
  #rest: Uint8Array = new Uint8Array(0);

  constructor(access: DeviceAccess, name: string) {
    this.#access = access;
    this.#file = new HeldFile(access, name);
  }

  operation(request: Fields): Operation {
    const fields = new FieldReader(request);
    const settings: SerialSettings = {
      baud: fields.integer("baud", 300, 3_000_000, 9600),
      dataBits: fields.choice("data_bits", [8, 7] as const, 8),
      stopBits: fields.choice("stop_bits", [1, 2] as const, 1),
      parity: fields.choice("parity", ["none", "even", "odd"] as const, "none"),
    };
    const waitMs = fields.integer("timeout_ms", 0, agentLimits.deviceWaitMsMax, 1000);
    const common = { target: "", line: null };
    switch (request["do"]) {
      case "read": {
        const length = fields.integer(
          "length",
          1,
          agentLimits.deviceBytesMax,
          agentLimits.deviceBytesMax,
        );
        const until = fields.has("until") ? fields.bytes("until", 1, 1) : null;
        fields.end();
        return {
          ...{ name: "read", actuates: false, written: nothingWritten, ...common },
          perform: () => this.#read(settings, length, until?.[0] ?? null, waitMs),
        };
      }
      case "write": {
        const bytes = fields.bytes("bytes", 1, agentLimits.deviceBytesMax);
        fields.end();
        return {
          ...{ name: "write", actuates: true, written: bytes, ...common },
          perform: () => this.#write(settings, bytes, waitMs),
        };
      }
      default:
        return noOperation(request["do"], ["read", "write"]);
    }
  }

  close(): void {
    this.#closed = true;
    this.#file.close();
  }

  /** Until so many bytes are there, the mark has come, or the time is over. */
  async #read(settings: SerialSettings, length: number, until: number | null, waitMs: number) {
    const file = this.#open(settings);
    let bytes = this.#rest;
    this.#rest = new Uint8Array(0);
    const enough = () => (until === null ? bytes.length >= length : bytes.includes(until));
    await this.#repeat(waitMs, () => {
      if (!enough() && bytes.length < agentLimits.deviceBytesMax) {
        const more = file.readSerial(agentLimits.deviceBytesMax - bytes.length);
        bytes = concatenate([bytes, more]);
      }
      return enough() || bytes.length >= agentLimits.deviceBytesMax;
    });
    const mark = until === null ? -1 : bytes.indexOf(until);
    const end = Math.min(length, mark < 0 ? bytes.length : mark + 1);
    this.#rest = bytes.slice(end);
    const read = bytes.subarray(0, end);
    return { answer: { bytes: toHex(read) }, bytesRead: read.length };
  }

  async #write(settings: SerialSettings, bytes: Uint8Array, waitMs: number) {
    const file = this.#open(settings);
    let sent = 0;
    const all = await this.#repeat(waitMs, () => {
      sent += file.writeSerial(bytes.subarray(sent));
      return sent === bytes.length;
    });
    if (!all) {
      throw refuse("DEVICE_FAILED", `the port took ${sent} of ${bytes.length} bytes in time`);
    }
    return { answer: {}, bytesRead: 0 };
  }

  #open(settings: SerialSettings): DeviceFile {
    const file = this.#file.open();
    const wanted = JSON.stringify(settings);
    if (wanted !== this.#settings) file.configureSerial(settings);
    this.#settings = wanted;
    return file;
  }

  /** Tries again, ever more seldom, until it is done or the time is over; whether it is done. */
  async #repeat(waitMs: number, done: () => boolean): Promise<boolean> {
    const { serialPauseMsMin, serialPauseMsMax } = agentLimits;
    const endMs = this.#access.monotonic() + waitMs;
    for (let pauseMs = serialPauseMsMin; !done(); pauseMs = pauseMs * 2) {
      const leftMs = endMs - this.#access.monotonic();
      if (leftMs <= 0) return false;
      await this.#access.delay(Math.min(pauseMs, serialPauseMsMax, leftMs));
      if (this.#closed) throw refuse("DEVICE_FAILED", "the step has ended");
    }
    return true;
  }
}
