import * as z from "zod";
import { money } from "../values.ts";

/** What calls of a service cost. */
export const pricing = z.strictObject({
  per_call: money.describe("What one call costs; `0 USD` for a service that is free."),
});
