import { limits } from "@cohort/proto/limits";
import { refuse } from "@cohort/proto/problem";

/**
 * Why an operator does something, as it will stand in the ledger: one line that shows all that it
 * holds. "" says nothing and is accepted. Throws USAGE, LIMIT_EXCEEDED.
 */
export function checkReason(reason: string): void {
  const max = limits.reasonLengthMax;
  if (reason.length > max) {
    throw refuse("LIMIT_EXCEEDED", `the reason is longer than ${max} characters`);
  }
  if (unseen.test(reason)) {
    throw refuse("USAGE", "the reason holds a line break or a character that cannot be seen", {
      hint: "Write one line of plain text.",
    });
  }
  if (reason !== "" && reason.trim() === "") throw refuse("USAGE", "the reason is blank");
}

/** Control and format characters, halves of surrogate pairs, private use, line separators. */
const unseen = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u;
