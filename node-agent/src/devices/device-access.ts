import type { Devices, Files } from "../host.ts";

/** How drivers reach the machine. */
export interface DeviceAccess {
  readonly devices: Devices;
  readonly files: Files;
  /** Where /dev and /sys lie: "" but for a machine that is pretended. */
  readonly root: string;
  /** Runs what may wait for a bus: one of all attempts at once. */
  work<Value>(act: () => Promise<Value>): Promise<Value>;
  delay(ms: number): Promise<void>;
  /** Milliseconds that pass evenly. */
  monotonic(): number;
}
