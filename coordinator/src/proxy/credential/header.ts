import type { AuthOf } from "@cohort/proto/resources/service/auth";
import { type Made, printable, withHeaders } from "./kind.ts";

/** RFC 6750 section 2.1. */
export function bearer(secret: Buffer): Made {
  return sending("authorization", `Bearer ${printable(secret)}`);
}

export function ownHeader({ header, prefix = "" }: AuthOf<"header">, secret: Buffer): Made {
  return sending(header, prefix + printable(secret));
}

export function sending(name: string, value: string): Made {
  return {
    sign: ({ path, headers }) => ({ path, headers: withHeaders(headers, [{ name, value }]) }),
  };
}
