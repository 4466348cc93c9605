import type { Run, StartRunReply } from "@cohort/proto/gen/cohort/console";
import { neutralise } from "@cohort/proto/text";
import type { Session } from "../session.ts";
import { runView } from "../views.ts";
import { describePause, runTable } from "./run-table.ts";
import { watchRun } from "./watch.ts";

/** Shows a run that was started; with `follow` stays with it, and ends with 3 when it failed. */
export async function showStarted(
  session: Session,
  { run, existing, state, reason }: StartRunReply,
  follow: boolean,
): Promise<number> {
  if (!follow) {
    session.output.result({ run, existing, state, reason }, () => neutralise(run));
    if (state === "queued") session.output.progress("it waits for a place in its group");
    if (state === "cancelled") session.output.progress(`it is cancelled: ${reason}`);
    return 0;
  }
  session.output.progress(`run ${run}${existing ? " (started before with this key)" : ""}`);
  return await followRun(session, run);
}

async function followRun(session: Session, id: string): Promise<number> {
  const { output } = session;
  let before = new Map([[theRun, goesOn]]);
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
  const going = run.state === "queued" ? `waits for a place in group ${run.group}` : goesOn;
  const whole = run.pause === undefined ? going : describePause(run.pause);
  const steps = run.steps.flatMap((step): (readonly [string, string])[] => {
    if (step.instances.length === 0) return [[step.step, step.state]];
    return step.instances.map((it) => {
      const retry = it.attempt > 1 ? ` (attempt ${it.attempt})` : "";
      const place = it.node === "" ? "" : ` on ${it.node}`;
      return [`${step.step}[${it.instance}]${place}`, `${it.state}${retry}`];
    });
  });
  return new Map([[theRun, whole], ...steps]);
}

const theRun = "the run";
const goesOn = "goes on";

function describeFailure(run: Run): string {
  const failed = run.steps.flatMap((step) =>
    step.instances
      .filter((it) => it.state === "failed")
      .map((it) => `${step.step}[${it.instance}]: ${it.code} ${it.message}`),
  );
  return [`the run failed${run.reason === "" ? "" : `: ${run.reason}`}`, ...failed].join("\n");
}
