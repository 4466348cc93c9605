import type { AttemptKey, Finished } from "@cohort/proto/gen/cohort/node";
import { attemptId } from "@cohort/proto/proof";
import type { WorkWatcher } from "./node-process.ts";
import { must } from "./violation.ts";

interface Done {
  readonly node: string;
  /** null: under way, or dead with its board. */
  succeeded: boolean | null;
  over: boolean;
}

/** What steps really did on the boards; the log is held against it. */
export class Work implements WorkWatcher {
  readonly #done = new Map<string, Done>();
  /** Nodes whose disk was copied: until that is found out, two machines may do the same. */
  readonly cloned = new Set<string>();

  get running(): string[] {
    return [...this.#done].filter(([, it]) => !it.over).map(([id]) => id);
  }

  get count(): number {
    return this.#done.size;
  }

  started(attempt: AttemptKey, node: string): void {
    const id = attemptId(attempt);
    const before = this.#done.get(id);
    if (before !== undefined && this.cloned.has(node)) return;
    must(
      before === undefined,
      "an attempt runs at most once",
      `${id} starts on ${node}, and ran on ${before?.node}`,
    );
    this.#done.set(id, { node, succeeded: null, over: false });
  }

  ended(attempt: AttemptKey, succeeded: boolean | null): void {
    const done = this.#done.get(attemptId(attempt));
    if (done === undefined || done.over) return;
    done.over = true;
    done.succeeded = succeeded;
  }

  resultRecorded(attempt: AttemptKey, result: Finished): void {
    const id = attemptId(attempt);
    const done = this.#done.get(id);
    const says = "results are those of the attempt";
    const failedInside = result.code === "STEP_EXIT";
    if (result.outcome !== "succeeded" && !failedInside) return;
    must(done !== undefined, says, `${id} ${result.outcome} and never ran`);
    must(done.over, says, `${id} ${result.outcome} and still runs`);
    if (this.cloned.has(done.node)) return;
    must(
      done.succeeded === (result.outcome === "succeeded"),
      says,
      `${id} is recorded as ${result.outcome} ${result.code}, which it was not`,
    );
    if (result.outcome !== "succeeded") return;
    const output = JSON.parse(result.outputJson) as { attempt: string };
    must(output.attempt === id, says, `${id} is given the output of ${output.attempt}`);
  }
}
