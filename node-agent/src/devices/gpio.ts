import { limits } from "@cohort/proto/limits";
import type { DeviceFile } from "../host.ts";
import type { DeviceAccess } from "./device-access.ts";
import { FieldReader, noOperation } from "./fields.ts";
import { HeldFile } from "./held-file.ts";
import { type Driver, type Fields, nothingWritten, type Operation } from "./operation.ts";

/** Lines of a GPIO chip. A line that was used stays taken until the attempt ends. */
export class GpioDriver implements Driver {
  readonly #access: DeviceAccess;
  readonly #chip: HeldFile;
  readonly #lines = new Map<number, { readonly file: DeviceFile; readonly output: boolean }>();

  constructor(access: DeviceAccess, name: string) {
    this.#access = access;
    this.#chip = new HeldFile(access, name);
  }

  operation(request: Fields): Operation {
    const fields = new FieldReader(request);
    const line = fields.integer("line", 0, limits.gpioLineMax);
    const place = { target: `line ${line}`, line };
    switch (request["do"]) {
      case "read":
        fields.end();
        return {
          ...{ name: "read", actuates: false, written: nothingWritten, ...place },
          perform: async () => ({ answer: { value: await this.#read(line) }, bytesRead: 1 }),
        };
      case "write": {
        const value = fields.choice("value", [0, 1]);
        fields.end();
        return {
          ...{ name: "write", actuates: true, written: Uint8Array.of(value), ...place },
          perform: async () => {
            await this.#write(line, value);
            return { answer: {}, bytesRead: 0 };
          },
        };
      }
      default:
        return noOperation(request["do"], ["read", "write"]);
    }
  }

  close(): void {
    for (const { file } of this.#lines.values()) file.close();
    this.#lines.clear();
    this.#chip.close();
  }

  async #read(line: number): Promise<number> {
    const held = this.#lines.get(line)?.file ?? (await this.#request(line, false, 0));
    return await this.#access.work(() => held.readLine());
  }

  async #write(line: number, value: 0 | 1): Promise<void> {
    const held = this.#lines.get(line);
    if (held?.output === true) return await this.#access.work(() => held.file.writeLine(value));
    held?.file.close();
    this.#lines.delete(line);
    await this.#request(line, true, value);
  }

  async #request(line: number, output: boolean, value: 0 | 1): Promise<DeviceFile> {
    const chip = this.#chip.open();
    const file = await this.#access.work(() => chip.requestLine(line, output, value));
    // The attempt may have ended while the line was being taken.
    if (!this.#chip.holds(chip)) file.close();
    else this.#lines.set(line, { file, output });
    return file;
  }
}
