import * as z from "zod";
import { deviceOrClassPattern } from "../../devices.ts";
import { limits } from "../../limits.ts";
import { size } from "../values.ts";

/** Which nodes run a step; each chosen node is one instance. */
export const nodes = z.strictObject({
  select: z
    .string()
    .min(1)
    .max(limits.expressionBytesMax)
    .optional()
    .describe(
      "Condition over `node` and `inputs` that a node must meet. A node without a label that it reads does not meet it; left out, every node does.",
    ),
  count: z
    .union([z.literal("all"), z.int().min(1).max(limits.instancesMax)])
    .default(1)
    .describe(
      "How many nodes run the step, each as one instance; `all` takes every connected node that fits when the step begins. The step waits while fewer fit.",
    ),
  late_joiners: z
    .boolean()
    .default(false)
    .describe(
      "With `count: all`, whether a node that fits and connects while the step goes on runs it too; `quorum` and `max_failures` then count it as well.",
    ),
  max_concurrent: z
    .int()
    .min(1)
    .max(limits.instancesMax)
    .optional()
    .describe("Nodes that work at once; left out, all of them."),
  quorum: z
    .union([
      z.int().min(1).max(limits.instancesMax),
      z.string().regex(/^(?:100|[1-9]\d?)%$/, 'must be a share such as "80%"'),
    ])
    .optional()
    .describe(
      "How many of the nodes, or what share of them, must succeed for the step to. Left out, all must but those that `max_failures` allows.",
    ),
  max_failures: z
    .int()
    .min(0)
    .max(limits.instancesMax)
    .optional()
    .describe(
      "Nodes that may fail; one failure more fails the step and ends what still runs of it. Left out, every node's end is awaited.",
    ),
  spread: z
    .string()
    .min(1)
    .max(limits.nameLengthMax)
    .optional()
    .describe(
      "Label whose values the chosen nodes are to differ in, as far as there are such nodes. Left out, no label counts.",
    ),
});

/** What a node must be, whichever is chosen. */
export const requires = z.strictObject({
  arch: z
    .enum(["x86_64", "arm64", "riscv64"])
    .optional()
    .describe("Processor architecture that the node must have; left out, any."),
  isolation: z
    .enum(["standard", "strict"])
    .optional()
    .describe(
      "Least isolation that the node must offer: `strict` is every layer of the sandbox, `standard` does without Landlock or delegated cgroups. Left out, `standard`.",
    ),
  memory: size
    .pipe(z.int().min(1024 * 1024))
    .optional()
    .describe("Memory that the node must have, free or not; left out, any."),
  cpu: z
    .number()
    .min(0.001)
    .max(limits.cpuCoresMax)
    .optional()
    .describe(
      "Cores of the node that each instance takes while it runs: what runs on a node at once takes no more than it has. Left out, an instance takes a slot alone.",
    ),
  devices: z
    .array(
      z
        .string()
        .regex(
          deviceOrClassPattern,
          "must be a device such as iio:accel0, or a class such as gpio",
        ),
    )
    .min(1)
    .max(limits.devicesMax)
    .optional()
    .describe(
      "Devices that the node must have, as `class:name`, or a class of which any will do: `gpio`, `i2c`, `iio`, `pwm`, `serial`, `spi`. Left out, none.",
    ),
});

/** When the node that works on a step is away. */
export const onDisconnect = z.enum(["wait", "move", "fail"]);
