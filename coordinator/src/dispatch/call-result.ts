import type { Finished } from "@cohort/proto/gen/cohort/node";
import { parseJson } from "@cohort/proto/json";
import type { WholeReply } from "../proxy/answer.ts";
import { failure } from "../scheduler/decide-attempt.ts";

/**
 * Result of a `call` step: its output is { status, body }, body as JSON where it is that, else as
 * text. A status of 400 and above, and every refusal of the proxy, fails the step.
 */
export function callResult(reply: WholeReply): Finished {
  const [problem] = reply.problems;
  if (problem !== undefined) return failure(problem.code, problem.message);
  const output = { status: reply.status, body: bodyOf(reply.body) };
  const outputJson = JSON.stringify(output);
  if (reply.status >= 400 || reply.status < 200) {
    return { ...failure("CALL_STATUS", `the service answered ${reply.status}`), outputJson };
  }
  return { outcome: "succeeded", code: "", exit: 0, message: "", outputJson, usage: undefined };
}

function bodyOf(bytes: Uint8Array): unknown {
  if (bytes.length === 0) return null;
  const text = new TextDecoder().decode(bytes);
  const value = parseJson(text);
  return value === undefined ? text : value;
}
