import { Run } from "@cohort/proto/gen/cohort/console";

/** A run of one step as the console shows it. */
export const runOf = (state: string, rest: Partial<Run> = {}) =>
  Run.fromPartial({
    run: "01RUN",
    workflow: "press",
    state,
    trigger: "operator",
    startedMs: 1000,
    endedMs: state === "running" ? 0 : 3000,
    steps: [
      {
        step: "sample",
        kind: "run",
        state,
        instances: [
          {
            node: "edge-1",
            attempt: 1,
            state,
            startedMs: 1000,
            endedMs: 3000,
            outputJson: '{"rms":4.7}',
          },
        ],
      },
    ],
    ...rest,
  });

/** What the console answers when that run was started. */
export const startedRun = { run: "01RUN", existing: false, state: "running", reason: "" };
