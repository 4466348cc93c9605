import { refuse } from "@cohort/proto/problem";
import { Gate } from "../gate.ts";
import type { Host } from "../host.ts";
import { agentLimits } from "../limits.ts";
import { delay } from "../wait.ts";
import type { DeviceAccess } from "./device-access.ts";

/** What all attempts have in common: the machine's devices, one at a time, and who holds which. */
export class DeviceDesk {
  readonly access: DeviceAccess;
  readonly #holders = new Map<string, string>();

  constructor(host: Host, root: string) {
    const { devices, files } = host;
    const gate = new Gate(agentLimits.deviceWorkMax);
    const never = new AbortController().signal;
    this.access = {
      ...{ devices, files, root },
      work: async (act) => {
        const leave = await gate.enter();
        try {
          return await act();
        } finally {
          leave();
        }
      },
      delay: (ms) => delay(ms, never),
      monotonic: () => host.monotonic(),
    };
  }

  /**
   * A serial port is one attempt's alone, as two would each get half of what comes in. Throws
   * DEVICE_BUSY.
   */
  hold(device: string, attempt: string): void {
    if (!device.startsWith("serial:")) return;
    const holder = this.#holders.get(device);
    if (holder !== undefined && holder !== attempt) {
      throw refuse("DEVICE_BUSY", `another step uses ${device}`);
    }
    this.#holders.set(device, attempt);
  }

  /** Lets go of all that the attempt holds. */
  release(attempt: string): void {
    for (const [device, holder] of this.#holders) {
      if (holder === attempt) this.#holders.delete(device);
    }
  }
}
