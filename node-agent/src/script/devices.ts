import { exchange } from "./exchange.ts";
import type { ScriptHost } from "./script-host.ts";

/** Bytes that are written: a text is sent in UTF-8. */
export type Bytes = Uint8Array | readonly number[] | string;

export interface SerialOptions {
  readonly baud?: number;
  readonly data_bits?: 7 | 8;
  readonly stop_bits?: 1 | 2;
  readonly parity?: "none" | "even" | "odd";
  readonly timeout_ms?: number;
}

/** The step's devices. What it was not granted is refused by the node, with an error that says so. */
export interface ScriptDevices {
  gpio(chip: string): {
    line(number: number): { read(): Promise<number>; write(value: 0 | 1): Promise<void> };
  };
  i2c(
    bus: string,
    address: number,
  ): {
    /** `register`: sent before, as SMBus reads do. */
    read(length: number, options?: { readonly register?: number }): Promise<Uint8Array>;
    write(bytes: Bytes): Promise<void>;
    /** Writes, then reads so much, and nothing comes between. */
    transfer(bytes: Bytes, length: number): Promise<Uint8Array>;
  };
  spi(
    name: string,
    options?: { readonly speed_hz?: number; readonly mode?: number },
  ): {
    read(length: number): Promise<Uint8Array>;
    transfer(bytes: Bytes): Promise<Uint8Array>;
  };
  serial(
    port: string,
    options?: SerialOptions,
  ): {
    /** Until so many bytes are there, one of them is `until`, or the time is over. */
    read(options?: { readonly length?: number; readonly until?: Bytes }): Promise<Uint8Array>;
    write(bytes: Bytes): Promise<void>;
  };
  iio(name: string): { read(): Promise<Record<string, number>> };
  pwm(
    chip: string,
    channel: number,
  ): {
    read(): Promise<{ period_ns: number; duty_ns: number; enabled: boolean }>;
    set(to: { period_ns: number; duty_ns: number; enabled?: boolean }): Promise<void>;
  };
}

export function scriptDevices(host: ScriptHost): ScriptDevices {
  const ask = async (device: string, fields: Record<string, unknown>) =>
    (await perform(host, device, fields)) as Record<string, never>;
  const bytesOf = async (device: string, fields: Record<string, unknown>) =>
    fromHex((await ask(device, fields))["bytes"] ?? "");
  return {
    gpio: (chip) => ({
      line: (line) => ({
        read: async () => (await ask(`gpio/${chip}`, { do: "read", line }))["value"] ?? 0,
        write: async (value) => void (await ask(`gpio/${chip}`, { do: "write", line, value })),
      }),
    }),
    i2c(bus, address) {
      const device = `i2c/${bus}`;
      return {
        read: (length, options = {}) =>
          bytesOf(device, { do: "read", address, length, ...options }),
        write: async (bytes) =>
          void (await ask(device, { do: "write", address, bytes: toHex(bytes) })),
        transfer: (bytes, length) =>
          bytesOf(device, { do: "transfer", address, bytes: toHex(bytes), length }),
      };
    },
    spi: (name, options = {}) => ({
      read: (length) => bytesOf(`spi/${name}`, { do: "read", length, ...options }),
      transfer: (bytes) =>
        bytesOf(`spi/${name}`, { do: "transfer", bytes: toHex(bytes), ...options }),
    }),
    serial(port, settings = {}) {
      const device = `serial/${port}`;
      return {
        read({ until, ...options } = {}) {
          const mark = until === undefined ? {} : { until: toHex(until) };
          return bytesOf(device, { do: "read", ...settings, ...options, ...mark });
        },
        write: async (bytes) =>
          void (await ask(device, { do: "write", bytes: toHex(bytes), ...settings })),
      };
    },
    iio: (name) => ({ read: () => ask(`iio/${name}`, { do: "read" }) }),
    pwm: (chip, channel) => ({
      read: async () => {
        const {
          period_ns = 0,
          duty_ns = 0,
          enabled = false,
        } = await ask(`pwm/${chip}`, {
          do: "read",
          channel,
        });
        return { period_ns, duty_ns, enabled };
      },
      set: async (to) => void (await ask(`pwm/${chip}`, { do: "set", channel, ...to })),
    }),
  };
}

/** Throws an error with the `code` of the refusal. */
async function perform(host: ScriptHost, device: string, fields: unknown): Promise<unknown> {
  const address = host.environment("COHORT_DEVICES");
  if (address === undefined) throw new Error("the step has no grants for devices");
  if (!/^[a-z0-9]+\/[\w.-]+$/.test(device)) throw new TypeError(`"${device}" names no device`);
  const { status, text } = await exchange(host, address, {
    method: "POST",
    target: `${address.replace(/^http:\/\/[^/]*/, "")}/${device}`,
    headers: new Map([["content-type", "application/json"]]),
    body: new TextEncoder().encode(JSON.stringify(fields)),
  });
  const answer = JSON.parse(text) as { code?: string; message?: string; hint?: string };
  if (status === 200) return answer;
  const { code = "", message = "", hint = "" } = answer;
  throw Object.assign(new Error(`${code} ${message}. ${hint}`.trim()), { code });
}

function toHex(bytes: Bytes): string {
  const all = typeof bytes === "string" ? new TextEncoder().encode(bytes) : Uint8Array.from(bytes);
  return Array.from(all, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
}
