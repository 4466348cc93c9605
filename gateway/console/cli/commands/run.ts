import type { Run } from "@cohort/proto/gen/cohort/console";
import { neutralise } from "@cohort/proto/text";
import type { Session } from "../session.ts";
import { runView } from "../views.ts";
import { readInputs } from "./inputs.ts";
import { runTable } from "./run-table.ts";
import { watchRun } from "./watch.ts";

/** Starts a run; with `follow` stays with it, and ends with 3 when it failed. */
export async function run(
  session: Session,
  workflow: string,
  options: {
    readonly input: readonly string[];
    readonly inputs?: string;
    readonly follow: boolean;
    readonly idempotencyKey?: string;
  },
): Promise<number> {
  const inputsJson = await readInputs(session.terminal, options);
  const console = await session.console();
  const idempotencyKey = options.idempotencyKey ?? "";
  const request = { workflow, inputsJson, idempotencyKey };
  const started = await console.call(console.runs, console.runs.start, request);
  const { run: id, existing } = started;
  if (!options.follow) {
    session.output.result({ run: id, existing }, () => neutralise(id));
    return 0;
  }
  session.output.progress(`run ${id}${existing ? " (started before with this key)" : ""}`);
  return await follow(session, id);
}

async function follow(session: Session, id: string): Promise<number> {
  const { output } = session;
  let before = new Map<string, string>();
  let last: Run | null = null;
  for await (const run of watchRun(await session.console(), id, (text) => output.progress(text))) {
    last = run;
    const now = statesOf(run);
    if (output.format === "json")
      output.item(
        () => runView(run),
        () => "",
      );
    else
      for (const [name, state] of now)
        if (before.get(name) !== state) output.progress(`${name}: ${state}`);
    before = now;
  }
  if (last !== null && output.format === "table") {
    const final = last;
    output.result(null, () => runTable(output, final, Date.now()));
    if (final.state !== "succeeded") output.progress(describeFailure(final));
  }
  return last?.state === "succeeded" ? 0 : 3;
}

/** One line an instance, or a step that has none, as "sample[2] on press-7": "running". */
function statesOf(run: Run): Map<string, string> {
  return new Map(
    run.steps.flatMap((step): (readonly [string, string])[] => {
      if (step.instances.length === 0) return [[step.step, step.state]];
      return step.instances.map((it) => {
        const retry = it.attempt > 1 ? ` (attempt ${it.attempt})` : "";
        const place = it.node === "" ? "" : ` on ${it.node}`;
        return [`${step.step}[${it.instance}]${place}`, `${it.state}${retry}`];
      });
    }),
  );
}

function describeFailure(run: Run): string {
  const failed = run.steps.flatMap((step) =>
    step.instances
      .filter((it) => it.state === "failed")
      .map((it) => `${step.step}[${it.instance}]: ${it.code} ${it.message}`),
  );
  return [`the run failed${run.reason === "" ? "" : `: ${run.reason}`}`, ...failed].join("\n");
}
