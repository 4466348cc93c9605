import type { Command } from "commander";
import type { AddCommands } from "./program.ts";

/** `cohort node grant` and `ungrant`. */
export function addDeviceCommands(node: Command, work: Parameters<AddCommands>[1]): void {
  node
    .command("grant <name> <device>")
    .description("let steps that name the device in their grants use it on the node")
    .requiredOption("--access <kind>", "`read`, or `actuate`, which includes it")
    .option("--lines <numbers>", "of a GPIO chip, the only lines, as 3,4; left out, all")
    .option("--require-approval", "only steps after an `approve` step may actuate it", false)
    .action((name, device, options) =>
      work(async (session) =>
        (await import("./commands/device-grant.ts")).grantDevice(session, name, device, options),
      ),
    );
  node
    .command("ungrant <name> <device>")
    .description("take a grant back; what runs already keeps the device until it ends")
    .action((name, device) =>
      work(async (session) =>
        (await import("./commands/device-grant.ts")).ungrantDevice(session, name, device),
      ),
    );
}
