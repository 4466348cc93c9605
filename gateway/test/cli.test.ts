import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Node } from "@cohort/proto/gen/cohort/console";
import { describe, expect, it } from "vitest";
import { useCli } from "./kit/cli.ts";
import { execute, newFolder, writeContext } from "./kit/cohort.ts";
import { Refusal, startFakeConsole } from "./kit/fake-console.ts";
import { runOf } from "./kit/sample-run.ts";

const cli = useCli();
const { run } = cli;

describe("exit statuses", () => {
  it.each([
    [["--version"], 0],
    [["--help"], 0],
    [["frobnicate"], 2],
    [["run"], 2],
    [["nodes", "--nonsense"], 2],
    [["nodes", "-o", "xml"], 2],
    [["apply"], 2],
    [["status", "--limit", "many"], 2],
    [["node", "invite"], 2],
    [["apply", "-f", "does-not-exist"], 2],
    [["run", "press", "-i", "nonsense"], 2],
    [["run", "press", "-i", "limit:=nonsense"], 2],
  ])("of %j is %d", async (argv, status) => {
    expect(await run(argv)).toMatchObject({ status });
  });

  it("is 2 without a context, with one that others can read, and with one that is malformed", async () => {
    expect(await execute(cli.cohort, ["nodes"])).toMatchObject({ status: 2 });
    const open = writeContext(cli.fake.context, 0o644);
    const refused = await execute(cli.cohort, ["--context", open, "nodes"]);
    expect(refused).toMatchObject({ status: 2, stderr: expect.stringContaining("chmod 600") });
    const malformed = writeContext({ ...cli.fake.context, endpoint: "http://localhost" });
    expect(await execute(cli.cohort, ["--context", malformed, "nodes"])).toMatchObject({
      status: 2,
    });
  });

  it("is 5 when nobody listens, with what to do about it", async () => {
    const away = writeContext({ ...cli.fake.context, endpoint: "localhost:1" });
    const { status, stderr } = await execute(cli.cohort, ["--context", away, "nodes"]);
    expect(status).toBe(5);
    expect(stderr).toMatch(/UNREACHABLE.*localhost:1[\s\S]*cohort up/);
  });

  it("is 5 when the server's certificate is not the context's, and nothing was sent", async () => {
    const stranger = await startFakeConsole();
    const wrong = writeContext({ ...cli.fake.context, endpoint: stranger.context.endpoint });
    const { status, stderr } = await execute(cli.cohort, ["--context", wrong, "nodes"]);
    await stranger.stop();
    expect([status, stranger.requests]).toEqual([5, []]);
    expect(stderr).toContain("right context");
  });

  it("is 4 when the coordinator refuses, in its own words", async () => {
    cli.fake.handlers["Runs.start"] = () => {
      throw new Refusal("WORKFLOW_UNKNOWN", "no workflow is called pres", "Did you mean press?");
    };
    const { status, stdout, stderr } = await run(["run", "pres"]);
    expect([status, stdout]).toEqual([4, ""]);
    expect(stderr).toBe("WORKFLOW_UNKNOWN no workflow is called pres\n  Did you mean press?\n");
  });

  it("is 4 with a token that the coordinator does not know", async () => {
    const stale = writeContext({ ...cli.fake.context, token: "stale" });
    expect(await execute(cli.cohort, ["--context", stale, "nodes"])).toMatchObject({ status: 4 });
  });
});

describe("the context", () => {
  it("is found upward from the working directory, and by COHORT_CONTEXT before that", async () => {
    cli.fake.handlers["Nodes.list"] = () => ({ nodes: [] });
    const root = newFolder();
    mkdirSync(join(root, ".cohort"));
    mkdirSync(join(root, "deep", "deeper"), { recursive: true });
    writeFileSync(join(root, ".cohort", "operator.json"), JSON.stringify(cli.fake.context), {
      mode: 0o600,
    });
    const directory = join(root, "deep", "deeper");
    expect(await execute(cli.cohort, ["nodes"], { directory })).toMatchObject({ status: 0 });
    const environment = { COHORT_CONTEXT: "/does/not/exist" };
    expect(await execute(cli.cohort, ["nodes"], { directory, environment })).toMatchObject({
      status: 2,
    });
  });
});

describe("-o json", () => {
  it("prints errors as one document on stderr and nothing on stdout", async () => {
    const { stdout, stderr } = await execute(cli.cohort, ["-o", "json", "nodes"]);
    expect(stdout).toBe("");
    expect(JSON.parse(stderr)).toMatchObject({ problems: [{ code: "USAGE" }] });
  });

  it("shows a run with every key, and what its JSON says", async () => {
    cli.fake.handlers["Runs.get"] = () => runOf("running", { inputsJson: '{"press":"7"}' });
    const { status, stdout } = await run(["status", "01RUN", "-o", "json"]);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      run: "01RUN",
      workflow: "press",
      version: "",
      state: "running",
      trigger: "operator",
      depth: 0,
      group: null,
      outputs: null,
      parent: null,
      requested_ms: null,
      inputs: { press: "7" },
      started_ms: 1000,
      ended_ms: null,
      reason: "",
      pause: null,
      retry_of: null,
      rerun_of: null,
      steps: [
        {
          step: "sample",
          kind: "run",
          state: "running",
          reason: "",
          skipped_by: null,
          taken: false,
          instances: [
            {
              instance: 0,
              attempt: 1,
              node: "edge-1",
              state: "running",
              started_ms: 1000,
              ended_ms: 3000,
              output: { rms: 4.7 },
              cached_from: null,
              child: null,
              output_omitted: false,
              code: "",
              message: "",
              killed: null,
              usage: null,
            },
          ],
        },
      ],
      charges: [],
      event: null,
    });
  });

  it("prints each list under its name", async () => {
    const bindings = [{ service: "x", injection: '{"origin":"https://x.example"}' }];
    const secret = { path: "a/b", version: 2, services: ["x"], bindings };
    cli.fake.handlers = {
      "Nodes.list": () => ({ nodes: [Node.fromPartial({ node: "edge-1", state: "connected" })] }),
      "Runs.list": () => ({ runs: [], next: "" }),
      "Budgets.list": () => ({ budgets: [], uncertain: [] }),
      "Secrets.list": () => ({
        secrets: [{ ...secret, setMs: 5, formerVersion: 1, formerUntilMs: 9 }],
      }),
    };
    const parse = async (...argv: string[]) =>
      JSON.parse((await run([...argv, "-o", "json"])).stdout) as unknown;
    expect(await parse("nodes")).toEqual({
      nodes: [
        {
          node: "edge-1",
          state: "connected",
          labels: {},
          running: 0,
          seen_ms: null,
          facts: null,
          cordon: null,
          bar: null,
          device_grants: [],
          keys: null,
          slots_max: null,
        },
      ],
    });
    expect(await parse("status")).toEqual({ runs: [], next: null });
    expect(await parse("budget")).toEqual({ budgets: [], uncertain: [] });
    expect(await parse("secret", "list")).toEqual({
      secrets: [
        {
          ...{ path: "a/b", version: 2, set_ms: 5, services: ["x"] },
          bindings: [{ service: "x", injection: { origin: "https://x.example" } }],
          ...{ former_version: 1, former_until_ms: 9 },
        },
      ],
    });
  });
});
