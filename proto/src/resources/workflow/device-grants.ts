import * as z from "zod";
import { canActuate, deviceAccesses, devicePattern } from "../../devices.ts";
import { limits } from "../../limits.ts";

const device = z.string().regex(devicePattern, "must be one device such as iio:accel0");

const written = z.strictObject({
  device: device.describe("Device as `class:name`; `cohort node show NAME` lists those of a node."),
  access: z
    .enum(deviceAccesses)
    .describe(
      "`read`, or `actuate`, which includes it: whatever moves, drives or sends something. Sensors (`iio`) are only read.",
    ),
});

/** Devices that a step may use. The text alone means that it reads. */
export const deviceGrants = z
  .array(z.union([device, written]))
  .min(1)
  .max(limits.devicesMax)
  .refine((all) => new Set(all.map(deviceOf)).size === all.length, "names a device twice")
  .refine(
    (all) =>
      all.every((it) => typeof it === "string" || it.access === "read" || canActuate(it.device)),
    "asks to actuate a sensor, which can only be read",
  );

function deviceOf(it: string | z.infer<typeof written>): string {
  return typeof it === "string" ? it : it.device;
}
