import { agentLimits } from "../limits.ts";
import type { DeviceAccess } from "./device-access.ts";
import { FieldReader, noOperation, toHex } from "./fields.ts";
import { HeldFile } from "./held-file.ts";
import { type Driver, type Fields, nothingWritten, type Operation } from "./operation.ts";

/** A device on an SPI bus. To read sends zeros; whatever else is sent needs a grant to actuate. */
export class SpiDriver implements Driver {
  readonly #access: DeviceAccess;
  readonly #file: HeldFile;

  constructor(access: DeviceAccess, name: string) {
    this.#access = access;
    this.#file = new HeldFile(access, name);
  }

  operation(request: Fields): Operation {
    const fields = new FieldReader(request);
    const speedHz = fields.integer("speed_hz", 0, agentLimits.spiSpeedHzMax, 0);
    const mode = fields.integer("mode", 0, 3, 0);
    const common = { target: "", line: null };
    switch (request["do"]) {
      case "read": {
        const length = fields.integer("length", 1, agentLimits.deviceBytesMax);
        fields.end();
        return {
          ...{ name: "read", actuates: false, written: nothingWritten, ...common },
          perform: () => this.#transfer(new Uint8Array(length), speedHz, mode),
        };
      }
      case "transfer": {
        const bytes = fields.bytes("bytes", 1, agentLimits.deviceBytesMax);
        fields.end();
        return {
          ...{ name: "transfer", actuates: true, written: bytes, ...common },
          perform: () => this.#transfer(bytes, speedHz, mode),
        };
      }
      default:
        return noOperation(request["do"], ["read", "transfer"]);
    }
  }

  close(): void {
    this.#file.close();
  }

  async #transfer(sent: Uint8Array, speedHz: number, mode: number) {
    const file = this.#file.open();
    const bytes = await this.#access.work(() => file.transferSpi(sent, speedHz, mode));
    return { answer: { bytes: toHex(bytes) }, bytesRead: bytes.length };
  }
}
