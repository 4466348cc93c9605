import { refuse } from "@cohort/proto/problem";
import { hashPassword } from "../../../src/broker/password.ts";
import type { Session } from "../session.ts";

/** Reads a password and prints its hash, for the embedded broker's file of users. */
export async function brokerPassword(session: Session): Promise<number> {
  const { askSecret, readInput } = session.terminal;
  const text = askSecret === null ? String(await readInput()) : await askSecret("password: ");
  const password = text.replace(/\r?\n$/, "");
  if (password === "") throw refuse("USAGE", "the password is empty");
  const hash = await hashPassword(password);
  session.output.result({ password: hash }, () => hash);
  return 0;
}
