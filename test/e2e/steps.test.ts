import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestMesh } from "../kit/mesh.ts";
import { applySteps, runSteps } from "../kit/step-runs.ts";

describe("a step on a compiled agent", () => {
  let mesh: TestMesh;

  beforeAll(async () => {
    mesh = await TestMesh.start();
    await mesh.startAgents({ "board-01": { hall: "north" } });
  });

  afterAll(async () => {
    await mesh?.stop();
  });

  it("leaves its output in $COHORT_OUTPUT, on stdout where it says so, or by returning it", async () => {
    const { run, output } = await runSteps(
      mesh,
      `
  - { id: file, run: 'echo "not this"; echo "[1, 2]" > "$COHORT_OUTPUT"' }
  - { id: named, run: 'mkdir out; echo 5 > out/n.json; echo "$COHORT_OUTPUT"', outputs: { path: out/n.json } }
  - { id: stdout, command: [printf, '{"a": %s}', "1"], outputs: { from: stdout, types: { a: number } } }
  - { id: returned, script: "export default async () => ({ sum: 1 + 1 })" }
  - { id: typed, script: "export default (it: { instance: number }): number => it.instance" }
  - { id: text, run: "echo '{}'" }
  - { id: none, run: "true" }
`,
    );
    expect(run.state).toBe("succeeded");
    const steps = ["file", "named", "stdout", "returned", "typed", "text", "none"];
    expect(steps.map(output)).toEqual([[1, 2], 5, { a: 1 }, { sum: 2 }, 0, null, null]);
  });

  it("is given env, with, inputs and earlier outputs, as data and never as code", async () => {
    const hostile = `"; touch /tmp/x; echo $(id) \${{ inputs.speed }} 'q'`;
    const { run, output, log } = await runSteps(
      mesh,
      `
  - id: first
    with: { note: "\${{ inputs.note }}", list: [1, "\${{ inputs.speed + 1.0 }}"] }
    script: "export default ({ inputs, with: given, node }) => ({ inputs, given, node })"
  - id: second
    depends: [first]
    env: { NOTE: "\${{ steps.first.output.given.note }}", PLACE: "hall \${{ node.labels.hall }}" }
    run: printf '%s\\n' "$NOTE" "$PLACE" "$COHORT_NODE" "$(cat "$COHORT_INPUTS")"
  - id: third
    command: [printf, "%s", "\${{ inputs.note }}"]
`,
      "inputs: { note: {}, speed: { type: number, default: 4 } }",
      { note: hostile },
    );
    expect(run.state).toBe("succeeded");
    const inputs = { note: hostile, speed: 4 };
    const given = { note: hostile, list: [1, 5] };
    expect(output("first")).toEqual({ inputs, given, node: { name: "board-01" } });
    const lines = [hostile, "hall north", "board-01", JSON.stringify(inputs), ""];
    expect(await log("second")).toBe(lines.join("\n"));
    expect(await log("third")).toBe(hostile);
  });

  it("that fails says how: exit status, signal, and the last line of its stderr", async () => {
    const { run, instance } = await runSteps(
      mesh,
      `
  - { id: exit, run: 'echo "first"; echo "no sensor" >&2; exit 3' }
  - { id: signal, run: 'kill -KILL $$' }
  - { id: thrown, script: 'export default () => { throw new Error("no bus"); }' }
  - { id: output, run: 'echo "{" > "$COHORT_OUTPUT"' }
  - { id: missing, command: [/usr/bin/no-such-program] }
  - { id: after, depends: [exit], run: "true" }
`,
    );
    expect(run).toMatchObject({ state: "failed" });
    // They run side by side: the run names the one that failed first.
    expect(run.reason).toMatch(/^step (?:exit|signal|thrown|output|missing): STEP_/);
    expect(instance("exit").message).toBe("exit status 3: no sensor");
    expect(instance("exit")).toMatchObject({ code: "STEP_EXIT", state: "failed", attempt: 1 });
    expect(instance("signal")).toMatchObject({ code: "STEP_SIGNAL" });
    expect(instance("thrown").message).toBe("exit status 1: Error: no bus");
    expect(instance("output")).toMatchObject({ code: "STEP_OUTPUT_INVALID" });
    expect(instance("missing").state).toBe("failed");
    const after = run.steps.find((it) => it.step === "after");
    expect(after).toMatchObject({ state: "skipped", reason: "step exit failed", instances: [] });
  });

  it("that leaves another output than it declares has failed, and nothing is cut short", async () => {
    const { run, instance } = await runSteps(
      mesh,
      `
  - { id: absent, run: "true", outputs: { path: result.json } }
  - { id: missing, run: 'echo "{}" > "$COHORT_OUTPUT"', outputs: { types: { rms: number } } }
  - { id: wrong, script: 'export default () => ({ rms: "1" })', outputs: { types: { rms: number } } }
  - { id: text, run: echo hello, outputs: { from: stdout } }
  - { id: large, run: 'printf "[%070d]" 1', limits: { output: 64B }, outputs: { from: stdout } }
  - { id: link, run: 'ln -s /etc/ld.so.cache r.json', outputs: { path: r.json } }
  - { id: beneath, run: 'ln -s / up', outputs: { path: up/etc/ld.so.cache } }
  - { id: pipe, run: 'mkfifo r.json', outputs: { path: r.json } }
  - { id: sparse, run: 'truncate -s 1T r.json || truncate -s 8M r.json', outputs: { path: r.json } }
`,
    );
    expect(run.state).toBe("failed");
    const steps = [
      "absent",
      "missing",
      "wrong",
      "text",
      "large",
      "link",
      "beneath",
      "pipe",
      "sparse",
    ];
    expect(steps.map((step) => instance(step).code)).toEqual([
      "STEP_OUTPUT_MISSING",
      "STEP_OUTPUT_MISSING",
      "STEP_OUTPUT_INVALID",
      "STEP_OUTPUT_INVALID",
      "STEP_OUTPUT_TOO_LARGE",
      "STEP_OUTPUT_INVALID",
      "STEP_OUTPUT_INVALID",
      "STEP_OUTPUT_INVALID",
      "STEP_OUTPUT_TOO_LARGE",
    ]);
  });

  it("is tried again up to its limit, under the same idempotency key", async () => {
    const { run, instance, log } = await runSteps(
      mesh,
      `
  - id: third-time
    run: echo "$COHORT_ATTEMPT $COHORT_IDEMPOTENCY_KEY"; test "$COHORT_ATTEMPT" = 3
    retry: { limit: 2, delay: 100ms }
  - { id: never, run: "false", retry: { limit: 1 } }
`,
    );
    expect(instance("third-time")).toMatchObject({ state: "succeeded", attempt: 3 });
    expect(instance("never")).toMatchObject({ state: "failed", code: "STEP_EXIT", attempt: 2 });
    expect(await log("third-time")).toBe(`3 ${run.run}/third-time[0]\n`);
  });

  it("shows what it writes while it runs, to cohort logs -f", async () => {
    const name = await applySteps(
      mesh,
      "  - { id: talk, run: 'echo one; sleep 1.5; echo two >&2; sleep 0.2; printf three' }\n",
    );
    const run = await mesh.run(name);
    const following = mesh.cohort("logs", "-f", run);
    const { runs } = mesh.client;
    const states: string[] = [];
    for await (const _ of mesh.client.stream(runs, runs.logs, {
      run,
      step: "",
      follow: true,
      after: 0,
    })) {
      states.push((await mesh.getRun(run)).state);
    }
    expect(states[0]).toBe("running");
    const followed = await following;
    expect(await mesh.getRun(run)).toMatchObject({ state: "succeeded" });
    const lines = ["| one", "! | two", "| three"].map((it) => `talk[0] board-01 ${it}\n`);
    expect(followed).toEqual({ exit: 0, stdout: lines.join(""), stderr: "" });
  });

  it("of a run with a key that was used before is not run again", async () => {
    const name = await applySteps(mesh, "  - { id: once, run: echo once }\n");
    const argv = ["run", name, "-w", "-o", "json", "--idempotency-key", "shift-12"];
    const [first, second] = [await mesh.cohort(...argv), await mesh.cohort(...argv)];
    expect([first.exit, second.exit]).toEqual([0, 0]);
    expect(second.stderr).toContain("started before with this key");
    expect(await mesh.runsOf(name)).toHaveLength(1);
  });
});
