import { mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { processesWith } from "../kit/processes.ts";
import { UpMesh } from "../kit/up.ts";

const resources = `
kind: workflow
name: lathe
inputs: { speed: { type: number, default: 3 } }
steps:
  - id: turn
    with: { speed: "\${{ inputs.speed }}" }
    script: |
      export default async ({ with: { speed }, log, sleep }) => {
        log("turning at", speed);
        await sleep(200);
        if (speed > 9) throw new Error("too fast");
        return { speed };
      };
  - { id: rest, depends: [turn], run: echo rested >&2 }
---
kind: budget
name: lathe-day
scope: workflow/lathe
window: day
limit: 1.50 USD
`;

/** The commands in the order in which an operator of a new mesh comes to them. */
describe("the cohort command", () => {
  const mesh = new UpMesh();
  let run = "";

  beforeAll(async () => {
    vi.stubEnv("COHORT_HOME", mesh.home);
    writeFileSync(join(mesh.home, "lathe.yaml"), resources);
    await mesh.start();
  });

  afterAll(async () => {
    await mesh.stop();
    vi.unstubAllEnvs();
    mesh.remove();
  });

  const table = async (...argv: readonly string[]) => {
    const { exit, stdout } = await mesh.cohort(argv);
    expect(exit).toBe(0);
    return stdout;
  };

  it("up writes the operator's context for its owner alone", () => {
    expect(statSync(join(mesh.home, "operator.json")).mode & 0o777).toBe(0o600);
  });

  it("node invite prints a line that makes a board a node, and nodes lists who joined", async () => {
    expect(await mesh.json("nodes")).toEqual({ nodes: [] });
    const argv = ["node", "invite", "--name", "board-01", "--label", "hall=north"];
    const data = mesh.dataOf("board-01");
    const line = await table(...argv, "--data", data);
    expect(line).toMatch(/^printf .* \| cohort-agent join - --data \S+\n$/);
    const other = await mesh.json<{ join_token: string; expires_ms: number }>(
      ...["node", "invite", "--name", "board-02"],
    );
    expect(line).not.toContain(other.join_token);
    expect(other.expires_ms).toBeGreaterThan(Date.now());
    expect(await mesh.paste(line)).toBe("joined as board-01\n");
    await expect(mesh.paste(line)).rejects.toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/^NODE_EXISTS/) as unknown,
    });
    await mesh.startAgent("board-01");
    await vi.waitFor(async () => {
      expect(await table("nodes")).toMatch(
        /^board-01 +connected +[\w.]+ +\w+ +(?:strict|standard) /m,
      );
    }, 10_000);
    expect(await mesh.json("nodes")).toMatchObject({
      nodes: expect.arrayContaining([
        expect.objectContaining({ node: "board-01", labels: { hall: "north" }, running: 0 }),
        expect.objectContaining({ node: "board-02", state: "invited" }),
      ]) as unknown,
    });
  });

  it("secret set takes a value from stdin and secret list shows its version only", async () => {
    const first = await mesh.cohort(["secret", "set", "desk/api-key"], "hunter2\n");
    expect(first).toMatchObject({ exit: 0, stdout: "desk/api-key version 1\n" });
    const second = await mesh.cohort(["-o", "json", "secret", "set", "desk/api-key"], "hunter3");
    expect(JSON.parse(second.stdout)).toEqual({ path: "desk/api-key", version: 2 });
    const listed = await mesh.json<{ secrets: unknown[] }>("secret", "list");
    expect(listed).toMatchObject({ secrets: [{ path: "desk/api-key", version: 2 }] });
    expect(JSON.stringify(listed) + (await table("secret", "list"))).not.toContain("hunter");
  });

  it("apply says what would change, changes it, and finds it unchanged", async () => {
    const argv = ["apply", "-f", mesh.home];
    const planned = await mesh.cohort([...argv, "--dry-run"]);
    expect(planned.exit).toBe(6);
    expect(planned.stdout).toContain("+++ workflow/lathe\n@@ -0,0 +1,");
    expect(planned.stdout).toMatch(/^KIND +NAME +VERSION +WOULD BE\n/m);
    const applied = await mesh.json<{ changes: { change: string }[] }>(...argv);
    expect(applied).toMatchObject({
      dry_run: false,
      changes: [
        { kind: "workflow", name: "lathe", change: "created" },
        { kind: "budget", name: "lathe-day", change: "created" },
      ],
    });
    expect(await table(...argv)).toMatch(/^workflow +lathe +[0-9a-f]{12} +unchanged$/m);
    expect(await mesh.cohort([...argv, "--dry-run"])).toMatchObject({ exit: 0 });
  });

  it("workflow checks, shows, draws and rolls back what was applied", async () => {
    const file = join(mesh.home, "lathe.yaml");
    expect(await table("workflow", "validate", "-f", file)).toContain("workflow/lathe is valid\n");
    const broken = resources.replace("depends: [turn]", "depends: [turm]");
    const brokenFile = join(mkdtempSync(join(mesh.home, "broken-")), "lathe.yaml");
    writeFileSync(brokenFile, broken);
    const refused = await mesh.cohort(["workflow", "validate", "-f", brokenFile]);
    expect(refused.exit).toBe(4);
    expect(refused.stderr).toMatch(
      /:15:27: STEP_DEPENDS_UNKNOWN .*\n.*\n +\| +\^\n +Did you mean "turn"/,
    );

    // What is shown is what may be applied again.
    writeFileSync(brokenFile, await table("workflow", "show", "lathe"));
    expect(await table("apply", "-f", brokenFile)).toMatch(/^workflow +lathe +\S+ +unchanged$/m);
    writeFileSync(brokenFile, resources.replace("echo rested", "echo slept"));
    const changed = await table("apply", "-f", brokenFile);
    expect(changed).toContain("-    run: echo rested >&2\n+    run: echo slept >&2\n");

    const { versions } = await mesh.json<{ versions: { version: string; actor: string }[] }>(
      ...["workflow", "history", "lathe"],
    );
    expect(versions).toMatchObject([
      { current: true, actor: "operator" },
      { current: false, actor: "operator" },
    ]);
    const first = versions[1]?.version.slice(0, 10) as string;
    expect(await table("workflow", "show", `lathe@${first}`)).toContain("run: echo rested");
    expect(await table("workflow", "graph", "lathe")).toMatch(
      /^ {2}turn +script\n {4}rest +run +turn$/m,
    );
    const drawn = await table("workflow", "graph", "-f", file, "--format", "mermaid");
    expect(drawn).toContain("  s0 --> s1\n");

    expect(await table("workflow", "rollback", "lathe")).toMatch(`lathe is at ${first}`);
    expect(await table("workflow", "show", "lathe")).toContain("run: echo rested");
    expect(await table("workflow", "rollback", "lathe", "--to", first)).toMatch(/already\n$/);
  });

  it("run prints the run's id, and with -w what became of it: 0, or 3 when it failed", async () => {
    run = (await table("run", "lathe")).trim();
    expect(run).toMatch(/^[0-9A-Z]{26}$/);
    expect(await mesh.json("run", "lathe", "--idempotency-key", "k")).toMatchObject({
      existing: false,
    });
    const followed = await mesh.cohort(["run", "lathe", "-w", "-i", "speed=5"]);
    expect(followed.exit).toBe(0);
    expect(followed.stdout).toMatch(/^turn +board-01 +succeeded +1 +\S+ +\{"speed":5\}$/m);
    expect(followed.stderr).toContain("turn[0] on board-01: running");
    const failed = await mesh.cohort(["-o", "json", "run", "lathe", "-w", "-i", "speed=10"]);
    expect(failed.exit).toBe(3);
    const states = failed.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown);
    expect(states.at(-1)).toMatchObject({ state: "failed", inputs: { speed: 10 } });
  });

  it("status lists runs, newest first, or shows one", async () => {
    const { runs } = await mesh.json<{ runs: { run: string }[] }>("status", "--workflow", "lathe");
    expect(runs).toHaveLength(4);
    expect(runs.at(-1)).toMatchObject({ run, state: "succeeded", trigger: "operator" });
    expect(await table("status", "--limit", "1")).toMatch(/^RUN .*\n.* lathe +failed .*\n$/);
    expect(await table("status", run)).toMatch(/^rest +board-01 +succeeded /m);
    const shown = await mesh.json<{ steps: { instances: unknown[] }[] }>("status", run);
    expect(shown.steps[0]?.instances[0]).toMatchObject({ output: { speed: 3 }, code: "" });
  });

  it("logs prints every line with its step, or one step's", async () => {
    expect(await table("logs", "-f", run)).toBe(
      "turn[0] board-01 | turning at 3\nrest[0] board-01 ! | rested\n",
    );
    const line = { step: "rest", attempt: 1, stream: "stderr", text: "rested" };
    expect(await mesh.json("logs", run, "--step", "rest")).toMatchObject({ run, ...line });
  });

  it("budget shows what is allowed, spent and left", async () => {
    expect(await table("budget")).toMatch(/lathe-day .* 1\.50? USD +0(?:\.0+)? USD /);
    const { budgets } = await mesh.json<{ budgets: unknown[] }>("budget");
    expect(budgets).toMatchObject([{ limit_nano_usd: 1_500_000_000, posted_nano_usd: 0 }]);
  });

  it("ledger verify and export prove what happened, offline too, and find an edit", async () => {
    expect(await table("ledger", "verify")).toMatch(
      /^\d+ entries, root [0-9a-f]{64}: as signed\n$/,
    );
    const verdict = await mesh.json<{ size: number }>("ledger", "verify");
    expect(verdict).toMatchObject({ ok: true });
    const file = join(mesh.home, "ledger.jsonl");
    const argv = ["ledger", "export", "-O", file];
    const exported = await mesh.json<{ entries: number; verifier_key: string }>(...argv);
    expect(exported).toMatchObject({ file, entries: verdict.size });
    expect(await table("ledger", "export")).toBe(readFileSync(file, "utf8"));
    const offline = ["ledger", "verify", "--export", file, "--key", exported.verifier_key];
    expect(await mesh.cohort(offline)).toMatchObject({ exit: 0 });
    const edited = readFileSync(file, "utf8").replace("lathe-day", "lathe-dax");
    writeFileSync(file, edited);
    const found = await mesh.cohort(["-o", "json", ...offline]);
    expect(found.exit).toBe(4);
    const bad = edited.split("\n").findIndex((line) => line.includes("lathe-dax"));
    expect(JSON.parse(found.stdout)).toMatchObject({ ok: false, seq: bad, code: "LEDGER_INVALID" });
  });

  it("doctor passes every check of a mesh that is up", async () => {
    const { checks } = await mesh.json<{ checks: { name: string; ok: boolean }[] }>("doctor");
    expect(checks.filter(({ ok }) => !ok)).toEqual([]);
    expect(checks.map(({ name }) => name)).toContain("coordinator");
    expect(await table("doctor")).toMatch(/^coordinator +ok +answers; 2 nodes$/m);
  });

  it("broker-password hashes what it reads", async () => {
    const { exit, stdout } = await mesh.cohort(["broker-password"], "sensor\n");
    expect([exit, stdout.includes("sensor")]).toEqual([0, false]);
    const json = await mesh.cohort(["-o", "json", "broker-password"], "sensor\n");
    expect(Object.keys(JSON.parse(json.stdout) as object)).toEqual(["password"]);
  });

  it("documents its exit statuses", async () => {
    const help = await table("--help");
    for (const status of [0, 1, 2, 3, 4, 5, 6])
      expect(help).toMatch(new RegExp(`^  ${status}  `, "m"));
  });

  it("up ends what it started and keeps the data", async () => {
    expect(processesWith(mesh.home)).not.toEqual([]);
    await mesh.stop();
    expect(processesWith(mesh.home)).toEqual([]);
    expect(statSync(join(mesh.home, "data/coordinator/cohort.db")).size).toBeGreaterThan(0);
  });
});
