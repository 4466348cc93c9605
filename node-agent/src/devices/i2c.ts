import { agentLimits } from "../limits.ts";
import type { DeviceAccess } from "./device-access.ts";
import { FieldReader, noOperation, toHex } from "./fields.ts";
import { HeldFile } from "./held-file.ts";
import { type Driver, type Fields, nothingWritten, type Operation } from "./operation.ts";

/** 7-bit addresses; those below and above are reserved by the I2C specification. */
const addressMin = 0x08;
const addressMax = 0x77;

/**
 * Chips on an I2C bus. To read may begin with the number of a register, as the read protocols of
 * SMBus do; whatever else is written needs a grant to actuate.
 */
export class I2cDriver implements Driver {
  readonly #access: DeviceAccess;
  readonly #file: HeldFile;

  constructor(access: DeviceAccess, name: string) {
    this.#access = access;
    this.#file = new HeldFile(access, name);
  }

  operation(request: Fields): Operation {
    const fields = new FieldReader(request);
    const address = fields.integer("address", addressMin, addressMax);
    const target = `address 0x${address.toString(16).padStart(2, "0")}`;
    const bytesMax = agentLimits.deviceBytesMax;
    const operation = (
      name: Operation["name"],
      written: Uint8Array,
      sent: Uint8Array,
      length: number,
    ) => {
      fields.end();
      const actuates = written.length > 0;
      const perform = () => this.#transfer(address, sent, length);
      return { name, actuates, target, line: null, written, perform };
    };
    switch (request["do"]) {
      case "read": {
        const length = fields.integer("length", 1, bytesMax);
        const register = fields.has("register") ? fields.integer("register", 0, 255) : null;
        const sent = register === null ? nothingWritten : Uint8Array.of(register);
        return operation("read", nothingWritten, sent, length);
      }
      case "write": {
        const bytes = fields.bytes("bytes", 1, bytesMax);
        return operation("write", bytes, bytes, 0);
      }
      case "transfer": {
        const bytes = fields.bytes("bytes", 1, bytesMax);
        return operation("transfer", bytes, bytes, fields.integer("length", 1, bytesMax));
      }
      default:
        return noOperation(request["do"], ["read", "write", "transfer"]);
    }
  }

  close(): void {
    this.#file.close();
  }

  async #transfer(address: number, sent: Uint8Array, length: number) {
    const file = this.#file.open();
    const bytes = await this.#access.work(() => file.transferI2c(address, sent, length));
    return { answer: length === 0 ? {} : { bytes: toHex(bytes) }, bytesRead: length };
  }
}
