import type { AuthOf } from "@cohort/proto/resources/service/auth";
import { type Made, printable } from "./kind.ts";

/** The last of the query's parameters. That the step gives none of its name is admission's to see. */
export function queryParameter({ parameter }: AuthOf<"query">, secret: Buffer): Made {
  const pair = `${parameter}=${encodeURIComponent(printable(secret))}`;
  return {
    sign({ path, headers }) {
      const bare = path.replace(/[?&]$/, "");
      return { path: bare + (bare.includes("?") ? "&" : "?") + pair, headers };
    },
  };
}
