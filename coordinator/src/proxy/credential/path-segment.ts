import type { AuthOf } from "@cohort/proto/resources/service/auth";
import { type Made, printable, unfit } from "./kind.ts";

/** The secret as the path's first segment. One that a server could take apart is refused. */
export function pathSegment({ prefix }: AuthOf<"path">, secret: Buffer): Made {
  const text = printable(secret);
  if (!/^[\w\-.~:]+$/.test(text) || /^\.{1,2}$/.test(prefix + text)) {
    throw unfit("in a path it has letters, digits and - . _ ~ : alone");
  }
  return { sign: ({ path, headers }) => ({ path: `/${prefix}${text}${path}`, headers }) };
}
