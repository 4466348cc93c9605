import type { DeviceFile } from "../host.ts";
import type { DeviceAccess } from "./device-access.ts";

/** A device's file: opened when it is first needed, and held until the attempt ends. */
export class HeldFile {
  readonly #access: DeviceAccess;
  readonly #path: string;
  #file: DeviceFile | null = null;

  constructor(access: DeviceAccess, name: string) {
    this.#access = access;
    this.#path = `${access.root}/dev/${name}`;
  }

  open(): DeviceFile {
    this.#file ??= this.#access.devices.open(this.#path);
    return this.#file;
  }

  /** Whether this file is the one that is held. */
  holds(file: DeviceFile): boolean {
    return this.#file === file;
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
  }
}
