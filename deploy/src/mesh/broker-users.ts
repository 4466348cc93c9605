import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import * as z from "zod";

/** As the gateway's embedded broker reads it; it checks the rest. */
const file = z.object({ users: z.array(z.looseObject({ name: z.string() })) });

export type BrokerUser = z.infer<typeof file>["users"][number];

/** An embedded broker that nobody may use yet, unless there is a file already. */
export function provideBrokerUsers(path: string): void {
  if (!existsSync(path)) write(path, []);
}

/** Adds the user, in place of one of the same name; the others stay. */
export function addBrokerUser(path: string, user: BrokerUser): void {
  const others = existsSync(path) ? file.parse(JSON.parse(readFileSync(path, "utf8"))).users : [];
  write(path, [...others.filter((it) => it.name !== user.name), user]);
}

function write(path: string, users: readonly BrokerUser[]): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.new`, `${JSON.stringify({ users }, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
