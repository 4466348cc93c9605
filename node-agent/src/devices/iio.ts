import { refuse } from "@cohort/proto/problem";
import { agentLimits } from "../limits.ts";
import { readNumber } from "./attributes.ts";
import type { DeviceAccess } from "./device-access.ts";
import { FieldReader, noOperation } from "./fields.ts";
import { findSensor } from "./find-devices.ts";
import { type Driver, type Fields, nothingWritten, type Operation } from "./operation.ts";

/**
 * A sensor of the Industrial I/O subsystem: all its channels at once, in the units of the kernel's
 * documentation (ABI/testing/sysfs-bus-iio), as "accel_x".
 */
export class IioDriver implements Driver {
  readonly #access: DeviceAccess;
  readonly #name: string;

  constructor(access: DeviceAccess, name: string) {
    this.#access = access;
    this.#name = name;
  }

  operation(request: Fields): Operation {
    if (request["do"] !== "read") return noOperation(request["do"], ["read"]);
    new FieldReader(request).end();
    const common = { target: "", line: null, written: nothingWritten };
    return { name: "read", actuates: false, ...common, perform: () => this.#read() };
  }

  close(): void {}

  async #read() {
    const { files, root } = this.#access;
    const folder = findSensor(files, root, this.#name);
    if (folder === null) throw refuse("DEVICE_FAILED", "the sensor is not there any more");
    const names = files.list(folder).slice(0, agentLimits.iioAttributesMax);
    const values: [string, number][] = [];
    for (const [channel, kind] of channelsOf(names)) {
      values.push([channel, await this.#value(folder, names, channel, kind)]);
    }
    return { answer: Object.fromEntries(values), bytesRead: values.length * 8 };
  }

  /** (raw + offset) * scale, or what the driver computes itself. */
  async #value(folder: string, names: string[], channel: string, kind: "raw" | "input") {
    const value = await readNumber(this.#access, `${folder}/in_${channel}_${kind}`);
    if (kind === "input") return value;
    const [offset, scale] = await Promise.all(
      (["offset", "scale"] as const).map(async (of) => {
        const shared = sharedNames(channel, of).find((name) => names.includes(name));
        return await readNumber(this.#access, shared === undefined ? null : `${folder}/${shared}`);
      }),
    );
    return (value + (offset || 0)) * (scale || 1);
  }
}

function channelsOf(names: readonly string[]): [string, "raw" | "input"][] {
  return names.flatMap((name) => {
    const match = /^in_([\w-]+)_(raw|input)$/.exec(name);
    return match === null ? [] : [[match[1] as string, match[2] as "raw" | "input"]];
  });
}

/** What several channels have in common is named after the part of their names that they share. */
function sharedNames(channel: string, of: "offset" | "scale"): string[] {
  const plain = channel.replaceAll(/\d+/g, "");
  const type = plain.split(/[_-]/)[0] as string;
  return [...new Set([channel, plain, type])].map((part) => `in_${part}_${of}`);
}
