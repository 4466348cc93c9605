import { limits } from "@cohort/proto/limits";
import { refuse } from "@cohort/proto/problem";

/**
 * Why an operator does something, as it will stand in the ledger: one line that shows all that it
 * holds; "" for none. Throws USAGE.
 */
export function checkReason(reason: string): void {
  const max = limits.reasonLengthMax;
  if (reason.length <= max && visible.test(reason)) return;
  throw refuse("USAGE", `the reason is longer than ${max} characters, or not printable`, {
    hint: "Write one line of plain text.",
  });
}

/** No control or format characters, halves of surrogate pairs, private use or line separators. */
const visible = /^[^\p{C}\p{Zl}\p{Zp}]*$/u;
