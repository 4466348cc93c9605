import * as z from "zod";
import { limits } from "../../limits.ts";
import { template, templateValue } from "../values.ts";

/** Keys of a step that has one instance an item or a combination. */

/** A list, or an expression that gives one when the step begins. */
const list = z.union([z.array(templateValue).max(limits.instancesMax), template]);

export const forEach = list;

export const matrix = z
  .record(z.string().regex(/^[A-Za-z_]\w*$/, "must be a name such as version"), list)
  .refine((lists) => Object.keys(lists).length > 0, "must name a list");

export const instancesAtOnce = z.int().min(1).max(limits.instancesMax);
