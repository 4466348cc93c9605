import * as fs from "node:fs/promises";
import { type Devices, HostError } from "../src/host.ts";
import { asHostError } from "./errors.ts";

/** Attributes are files, whatever the folder; what only ioctl can do, Node cannot. */
export const nodeDevices: Devices = {
  open: (path) => {
    throw new HostError("ENOTSUP", `Node opens no devices: ${path}`);
  },
  readAttribute: async (path) => {
    const bytes = await fs.readFile(path).catch((error) => Promise.reject(asHostError(error)));
    return new Uint8Array(bytes);
  },
  writeAttribute: async (path, bytes) => {
    // A driver's attribute is there or not: writing never makes one.
    const file = await fs.open(path, "r+").catch((error) => Promise.reject(asHostError(error)));
    try {
      await file.truncate();
      await file.write(bytes);
    } finally {
      await file.close();
    }
  },
};
