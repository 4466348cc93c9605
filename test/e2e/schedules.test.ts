import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readLedger } from "../kit/history.ts";
import { TestMesh } from "../kit/mesh.ts";

const minute = 60_000;

/** No node is there to run the step: a run that was started stays, and can be counted. */
const workflow = `kind: workflow
name: minutely
on: { schedule: [{ cron: "* * * * *", overlap: allow, catchup: 1m }] }
inputs: { due: { type: number, default: "\${{ event.schedule.due_ms }}" } }
steps: [{ id: wait, run: "true" }]
`;

describe("a schedule around a kill -9 of the coordinator", () => {
  let mesh: TestMesh;

  beforeAll(async () => {
    mesh = await TestMesh.start();
  });

  afterAll(async () => {
    await mesh?.stop();
  });

  const dueOf = async () =>
    (await mesh.runsOf("minutely")).map(
      ({ inputsJson }) => (JSON.parse(inputsJson) as { due: number }).due,
    );

  it(
    "fires once for a time at which it was away, and says when it is due next",
    async () => {
      await mesh.apply([{ path: "minutely.yaml", text: workflow }]);
      const { schedules } = JSON.parse((await mesh.cohort("schedules", "-o", "json")).stdout) as {
        schedules: { workflow: string; due_ms: number }[];
      };
      const dueMs = schedules[0]?.due_ms as number;
      expect(schedules).toMatchObject([{ workflow: "minutely", last_outcome: "" }]);
      expect(dueMs % minute).toBe(0);
      await mesh.program("coordinator").kill("SIGKILL");
      await new Promise((resolve) => setTimeout(resolve, dueMs - Date.now() + 500));
      await mesh.program("coordinator").start();
      await mesh.until(async () => (await dueOf()).includes(dueMs));
      await mesh.program("coordinator").kill("SIGKILL");
      await mesh.program("coordinator").start();
      await mesh.until(async () => (await dueOf()).length > 0);
      expect((await dueOf()).filter((it) => it === dueMs)).toEqual([dueMs]);
      const fired = (await readLedger(mesh)).flatMap(({ event }) =>
        event.$case === "scheduleFired" && event.value.dueMs === dueMs ? [event.value] : [],
      );
      expect(fired).toMatchObject([{ outcome: "started", count: 1 }]);
      expect((await mesh.cohort("schedules")).stdout).toContain(`started ${fired[0]?.run}`);
    },
    // The smallest step of a schedule is a minute.
    3 * minute,
  );
});
