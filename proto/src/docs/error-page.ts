import { type ErrorCode, errors } from "../errors.ts";
import { remedies } from "../remedies.ts";
import { code, page, table } from "./markdown.ts";

/** The registry of errors, for people. */
export function errorPage(): string {
  const codes = Object.keys(errors) as ErrorCode[];
  return page(
    "# Errors",
    "",
    "Codes are stable: programs may match on them. A problem in a file carries its place and an excerpt,",
    "and where there is more to say than here, a hint of its own.",
    "",
    table(
      ["code", "cause", "remedy", "exit status", "gRPC status"],
      codes.map((it) => {
        const { meaning, exit, grpc } = errors[it];
        return [code(it), meaning, remedies[it], String(exit), grpc];
      }),
    ),
  );
}
