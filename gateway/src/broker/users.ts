import { readFileSync, statSync } from "node:fs";
import { refuse } from "@cohort/proto/problem";
import * as z from "zod";
import { limits } from "../limits.ts";
import { isTopicFilter } from "../topic-filter.ts";
import { passwordPattern } from "./password.ts";

/** Who may use the embedded broker, and which topic filters cover what they may do. */
export interface BrokerUser {
  readonly name: string;
  /** From `cohort broker-password`. */
  readonly password: string;
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

export type BrokerUsers = ReadonlyMap<string, BrokerUser>;

/**
 * Reads `{"users": [{"name", "password", "publish": [...], "subscribe": [...]}]}`. Throws USAGE
 * when the file is missing, malformed, or readable by others.
 */
export function readBrokerUsers(path: string): BrokerUsers {
  const file = statSync(path, { throwIfNoEntry: false });
  if (file === undefined || !file.isFile() || file.size > limits.brokerUsersFileBytesMax) {
    throw refuse("USAGE", `${path} is not a file of broker users`);
  }
  if ((file.mode & 0o077) !== 0) {
    throw refuse("USAGE", `${path} can be read by other users of this machine`, {
      hint: `It holds password hashes. Run: chmod 600 ${path}`,
    });
  }
  return parseBrokerUsers(path, readFileSync(path, "utf8"));
}

function parseBrokerUsers(path: string, text: string): BrokerUsers {
  try {
    const { users } = usersSchema.parse(JSON.parse(text));
    const byName = new Map(users.map((user) => [user.name, user]));
    if (byName.size < users.length) throw new Error("two users have one name");
    return byName;
  } catch (cause) {
    const reason = cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause);
    throw refuse("USAGE", `${path} is not a file of broker users`, { hint: reason }, cause);
  }
}

const topicFilter = z.string().max(512).refine(isTopicFilter, "is not a topic filter");
const usersSchema = z.strictObject({
  users: z
    .array(
      z.strictObject({
        name: z.string().regex(/^[\w.@-]{1,64}$/),
        password: z.string().regex(passwordPattern, "must be a line from `cohort broker-password`"),
        publish: z.array(topicFilter).max(1000).default([]),
        subscribe: z.array(topicFilter).max(1000).default([]),
      }),
    )
    .max(limits.brokerUsersMax),
});
