import type { AuthOf } from "@cohort/proto/resources/service/auth";
import { sending } from "./header.ts";
import { type Made, unfit } from "./kind.ts";

/** RFC 7617 section 2, with the character set UTF-8 (section 2.1). */
export function basic({ username }: AuthOf<"basic">, password: Buffer): Made {
  if (password.length === 0 || /[\x00-\x1f\x7f]/.test(password.toString("latin1"))) {
    throw unfit("a password is text on one line");
  }
  const pair = Buffer.concat([Buffer.from(`${username}:`), password]);
  try {
    return sending("authorization", `Basic ${pair.toString("base64")}`);
  } finally {
    pair.fill(0);
  }
}
