import { refuse } from "@cohort/proto/problem";
import { agentLimits } from "../limits.ts";
import { readNumber, readText, writeText } from "./attributes.ts";
import type { DeviceAccess } from "./device-access.ts";
import { FieldReader, noOperation } from "./fields.ts";
import { type Driver, type Fields, nothingWritten, type Operation } from "./operation.ts";

/** Channels of a PWM chip, by sysfs. What was set goes on when the attempt has ended. */
export class PwmDriver implements Driver {
  readonly #access: DeviceAccess;
  readonly #folder: string;

  constructor(access: DeviceAccess, name: string) {
    this.#access = access;
    this.#folder = `${access.root}/sys/class/pwm/${name}`;
  }

  operation(request: Fields): Operation {
    const fields = new FieldReader(request);
    const channel = fields.integer("channel", 0, agentLimits.pwmChannelMax);
    const place = { target: `channel ${channel}`, line: null };
    switch (request["do"]) {
      case "read":
        fields.end();
        return {
          ...{ name: "read", actuates: false, written: nothingWritten, ...place },
          perform: () => this.#read(channel),
        };
      case "set": {
        const periodNs = fields.integer("period_ns", 1, agentLimits.pwmPeriodNsMax);
        const dutyNs = fields.integer("duty_ns", 0, periodNs);
        const enabled = fields.flag("enabled", true);
        fields.end();
        const text = JSON.stringify({ period_ns: periodNs, duty_ns: dutyNs, enabled });
        return {
          ...{ name: "set", actuates: true, written: new TextEncoder().encode(text), ...place },
          perform: () => this.#set(channel, periodNs, dutyNs, enabled),
        };
      }
      default:
        return noOperation(request["do"], ["read", "set"]);
    }
  }

  close(): void {}

  /** A channel that nobody has used yet is off. */
  async #read(channel: number) {
    const folder = this.#exported(channel);
    if (folder === null) {
      return { answer: { period_ns: 0, duty_ns: 0, enabled: false }, bytesRead: 0 };
    }
    const answer = {
      period_ns: await readNumber(this.#access, `${folder}/period`),
      duty_ns: await readNumber(this.#access, `${folder}/duty_cycle`),
      enabled: (await readText(this.#access, `${folder}/enable`)) === "1",
    };
    return { answer, bytesRead: 17 };
  }

  /** In an order in which the duty never exceeds the period, as the kernel demands. */
  async #set(channel: number, periodNs: number, dutyNs: number, enabled: boolean) {
    if (this.#exported(channel) === null) {
      await writeText(this.#access, `${this.#folder}/export`, String(channel));
    }
    const folder = this.#exported(channel);
    if (folder === null) throw refuse("DEVICE_FAILED", `the chip has no channel ${channel}`);
    const write = (name: string, value: number) =>
      writeText(this.#access, `${folder}/${name}`, String(value));
    if (!enabled) await write("enable", 0);
    const period = () => write("period", periodNs);
    const duty = () => write("duty_cycle", dutyNs);
    const shrinks = (await readNumber(this.#access, `${folder}/duty_cycle`)) > periodNs;
    for (const step of shrinks ? [duty, period] : [period, duty]) await step();
    if (enabled) await write("enable", 1);
    return { answer: {}, bytesRead: 0 };
  }

  /** Folder of the channel; null before the kernel was asked for it. */
  #exported(channel: number): string | null {
    const name = `pwm${channel}`;
    const there = this.#access.files.list(this.#folder).includes(name);
    return there ? `${this.#folder}/${name}` : null;
  }
}
