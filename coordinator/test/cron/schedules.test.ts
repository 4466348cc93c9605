import { describe, expect, it } from "vitest";
import { decideCancel } from "../../src/scheduler/decide-cancel.ts";
import { applyEvent, emptyState } from "../../src/state/state.ts";
import { createWorld, worldWith } from "../scheduler/world.ts";

type World = Awaited<ReturnType<typeof worldWith>>;

const at = (time: string) => Date.parse(`1970-01-01T${time}Z`);

const flow = (schedule: string, steps = '{ id: a, run: "true" }') => `kind: workflow
name: flow
on: { schedule: [${schedule}] }
steps: [${steps}]
`;

const quarters = (keys = "") => flow(`{ cron: "*/15 * * * *"${keys} }`);

const goTo = (it: World, time: string) => {
  it.setClock(at(time));
  return it.pass(0);
};
const cursor = (it: World) => [...(it.state.schedules.byWorkflow.get("flow")?.values() ?? [])][0];
/** Times that were settled, as "00:30 started". */
const settled = (it: { readonly recorded: World["recorded"] }) =>
  it.recorded.flatMap(({ event }) =>
    event.$case === "scheduleFired"
      ? [`${new Date(event.value.dueMs).toISOString().slice(11, 16)} ${event.value.outcome}`]
      : [],
  );
const latestRun = (it: World) => [...it.state.runs.byId.keys()].at(-1) as string;

describe("a schedule", () => {
  it("starts a run when it is due, and not before, with the time as its event", async () => {
    const it = await worldWith(quarters());
    expect(cursor(it)?.nextMs).toBe(at("00:30"));
    await goTo(it, "00:29:59");
    expect(it.state.runs.byId.size).toBe(0);
    await goTo(it, "00:30");
    const run = it.runOf(latestRun(it));
    const schedule = { due_ms: at("00:30"), due: "1970-01-01T00:30:00.000Z" };
    expect(run).toMatchObject({ trigger: "schedule", state: "running" });
    expect(run.event).toEqual({ schedule: { ...schedule, cron: "*/15 * * * *", timezone: "UTC" } });
    expect(cursor(it)?.nextMs).toBe(at("00:45"));
  });

  it("gives inputs by what their defaults read of the time", async () => {
    const text = quarters().replace(
      "steps:",
      'inputs: { due: { default: "${{ event.schedule.due }}" } }\nsteps:',
    );
    const it = await worldWith(text);
    await goTo(it, "00:30");
    expect(it.runOf(latestRun(it)).inputs).toEqual({ due: "1970-01-01T00:30:00.000Z" });
  });

  it("is looked at only when there is something to decide about it", async () => {
    const it = await worldWith(quarters());
    const before = it.recorded.length;
    for (let tick = 0; tick < 20; tick++) await it.pass(100);
    expect(it.recorded.length).toBe(before);
    expect([...it.state.schedules.timers.keys()]).toEqual([at("00:30") / 1000]);
  });

  it("does not fire again when the clock goes back, and sleeps no longer than a day for it", async () => {
    const it = await worldWith(quarters());
    await goTo(it, "00:30");
    await it.finish(latestRun(it), "a");
    await goTo(it, "00:20");
    await goTo(it, "00:31");
    expect(settled(it)).toEqual(["00:30 started"]);
    await goTo(it, "00:45");
    expect(settled(it)).toEqual(["00:30 started", "00:45 started"]);
    it.setClock(Date.parse("1975-06-01T00:00Z"));
    await it.pass(0);
    it.setClock(at("00:50"));
    await it.record({ $case: "coordinatorStarted", value: { version: "1" } });
    expect(cursor(it)?.nextMs).toBe(at("01:00"));
  });

  it("starts one run a time, whichever append was the last before a restart", async () => {
    const whole = await worldWith(quarters());
    const appends = [whole.recorded.length];
    whole.listen(() => void appends.push(whole.recorded.length));
    const goThrough = async (it: World) => {
      for (const time of ["00:30", "00:45", "01:00"]) {
        await goTo(it, time);
        for (const { run } of it.state.runs.active.values()) await it.finish(run, "a");
      }
    };
    await goThrough(whole);
    for (const length of appends) {
      const it = createWorld("", undefined, whole.recorded.slice(0, length));
      await it.record({ $case: "coordinatorStarted", value: { version: "1" } });
      await goThrough(it);
      expect(settled(it)).toEqual(settled(whole));
      const replayed = emptyState();
      for (const recorded of it.recorded) applyEvent(replayed, recorded);
      expect(replayed.schedules).toEqual(it.state.schedules);
    }
  });

  it("keeps its place in a new version of the workflow, and begins anew when it is another", async () => {
    const it = await worldWith(quarters());
    await goTo(it, "00:30");
    await it.finish(latestRun(it), "a");
    it.setClock(at("00:46"));
    await it.apply(quarters(", overlap: allow, catchup: 1h"));
    expect(cursor(it)).toMatchObject({ settledMs: at("00:30"), nextMs: at("00:45") });
    await it.pass(0);
    expect(settled(it)).toEqual(["00:30 started", "00:45 started"]);
    await it.apply(flow('{ cron: "10 * * * *", timezone: Europe/Berlin }'));
    expect(cursor(it)).toMatchObject({ settledMs: at("00:46"), nextMs: at("01:10"), last: null });
    await it.apply(flow("").replace("on:", "description: none\non:"));
    expect(it.state.schedules.byWorkflow.size).toBe(0);
    expect(it.state.schedules.timers.size).toBe(0);
  });

  it("records that a run could not be started, and goes on", async () => {
    const it = await worldWith(
      quarters().replace(
        "steps:",
        'inputs: { line: { default: "${{ event.topic[0] }}" } }\nsteps:',
      ),
    );
    await goTo(it, "00:30");
    expect(settled(it)).toEqual(["00:30 refused"]);
    expect(cursor(it)?.last?.reason).toMatch(/^INPUT_INVALID .*"line"/);
    expect(cursor(it)?.nextMs).toBe(at("00:45"));
  });
});

describe("times that were missed", () => {
  it("bring one run, for the latest, if it is not too late; the others are on record", async () => {
    const it = await worldWith(quarters(", catchup: 10m"));
    await goTo(it, "02:09");
    expect(settled(it)).toEqual(["00:30 missed", "02:00 started"]);
    const missed = it.recorded.find(({ event }) => event.$case === "scheduleFired")?.event;
    expect(missed?.value).toMatchObject({ dueMs: at("00:30"), throughMs: at("01:45"), count: 6 });
    expect(cursor(it)?.nextMs).toBe(at("02:15"));
  });

  it("bring none beyond the catch-up window", async () => {
    const it = await worldWith(quarters(", catchup: 0s"));
    await goTo(it, "00:30:10");
    await it.finish(latestRun(it), "a");
    await goTo(it, "00:45:11");
    expect(settled(it)).toEqual(["00:30 started", "00:45 missed"]);
    expect(cursor(it)?.last).toMatchObject({ outcome: "missed", run: "" });
  });

  it("are counted up to a limit, however long it was", async () => {
    const it = await worldWith(quarters());
    it.setClock(Date.parse("2026-11-22T05:07:00Z"));
    await it.pass(0);
    expect(it.recorded.at(-2)?.event.value).toMatchObject({ outcome: "missed", count: 100 });
    expect(cursor(it)?.nextMs).toBe(Date.parse("2026-11-22T05:15Z"));
  });
});

describe("a time that is due while the run of an earlier one goes on", () => {
  it("is skipped unless the schedule says otherwise, by whichever schedule of the workflow", async () => {
    const it = await worldWith(
      flow('{ cron: "*/15 * * * *" }, { cron: "30 * * * *", timezone: Europe/Paris }'),
    );
    await goTo(it, "00:30");
    await it.pass(100);
    expect(settled(it)).toEqual(["00:30 started", "00:30 skipped"]);
    await goTo(it, "00:45");
    expect(it.state.runs.byId.size).toBe(1);
    await it.writer.decide(({ runs }) =>
      decideCancel(runs, { run: latestRun(it), hard: true, actor: "ann" }),
    );
    await goTo(it, "01:00");
    expect(settled(it).slice(2)).toEqual(["00:45 skipped", "01:00 started"]);
  });

  it("starts a second run where that is allowed", async () => {
    const it = await worldWith(quarters(", overlap: allow"));
    for (const time of ["00:30", "00:45"]) await goTo(it, time);
    expect(it.state.runs.active.size).toBe(2);
    expect(it.state.schedules.open.get("flow")?.size).toBe(2);
    for (const run of [...it.state.runs.active.keys()]) await it.finish(run, "a");
    expect(it.state.schedules.open.size).toBe(0);
    expect(it.state.schedules.workflowOf.size).toBe(0);
  });

  it("waits where it is queued, one time at most, and starts when the run has ended", async () => {
    const it = await worldWith(quarters(", overlap: queue"));
    for (const time of ["00:30", "00:45", "01:00"]) await goTo(it, time);
    expect(settled(it)).toEqual(["00:30 started", "00:45 waiting", "01:00 skipped"]);
    expect(cursor(it)).toMatchObject({ waitingMs: at("00:45"), nextMs: at("01:15") });
    await it.finish(latestRun(it), "a");
    await it.pass(100);
    expect(settled(it).at(-1)).toBe("00:45 started");
    expect(cursor(it)).toMatchObject({ waitingMs: 0, nextMs: at("01:15") });
    await it.finish(latestRun(it), "a");
    await goTo(it, "01:15");
    expect(settled(it).at(-1)).toBe("01:15 started");
  });
});

describe("what is applied", () => {
  it.each([
    ['{ cron: "61 * * * *" }', "SCHEDULE_INVALID", "minute: 61"],
    ['{ cron: "0 0 30 2 *" }', "SCHEDULE_INVALID", "never comes"],
    ['{ cron: "* * * * *", timezone: Europe/Berlni }', "SCHEDULE_INVALID", "Europe/Berlin"],
    ['{ cron: "* * * * *", overlap: replace }', "RESOURCE_INVALID", "skip, queue, allow"],
    ['{ cron: "0 6 * * *" }, { cron: "0 6 * * *" }', "RESOURCE_DUPLICATE", "already"],
    ['{ crom: "0 6 * * *" }', "RESOURCE_KEY_UNKNOWN", "cron"],
  ])("is refused with the reason: %s", async (schedule, code, message) => {
    const refused = expect(worldWith(flow(schedule)));
    await refused.rejects.toThrow(code);
    await expect(worldWith(flow(schedule))).rejects.toThrow(message);
  });

  it("is refused when a time alone could not give an input", async () => {
    const text = quarters().replace("steps:", "inputs: { line: {} }\nsteps:");
    await expect(worldWith(text)).rejects.toThrow('input \\"line\\" has no default');
  });
});
