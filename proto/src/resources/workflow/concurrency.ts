import * as z from "zod";
import { limits } from "../../limits.ts";
import { template } from "../values.ts";

/** How many runs may go on at once. */
export const concurrency = z.strictObject({
  group: template
    .min(1)
    .describe(
      "Name of the group, of which `max` runs go on at once. Its expressions may read `inputs` and `event`, and are evaluated once, at the start. Runs of all workflows whose groups have the same name share it.",
    ),
  max: z
    .int()
    .min(1)
    .max(limits.groupPlacesMax)
    .default(1)
    .describe("Runs of the group that go on at once, this one included."),
  overflow: z
    .enum(["queue", "skip", "replace"])
    .default("queue")
    .describe(
      "What becomes of a run that finds no place: it waits in the `queue`, in order; it is ended at once (`skip`); or it cancels the oldest of the group, as an operator would, and begins when that has ended (`replace`).",
    ),
});

export type Concurrency = z.infer<typeof concurrency>;
