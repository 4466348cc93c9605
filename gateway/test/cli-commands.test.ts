import {
  type CancelRunRequest,
  LogLine,
  Node,
  type SetSecretRequest,
} from "@cohort/proto/gen/cohort/console";
import { describe, expect, it } from "vitest";
import { useCli } from "./kit/cli.ts";
import { execute, writeContext } from "./kit/cohort.ts";
import { Refusal } from "./kit/fake-console.ts";
import { runOf, startedRun } from "./kit/sample-run.ts";

const cli = useCli();
const { run } = cli;

describe("cohort run", () => {
  it("prints the run's id, and sends text as text and JSON as JSON", async () => {
    cli.fake.handlers["Runs.start"] = () => startedRun;
    const argv = [
      "run",
      "press",
      "-i",
      "press=7",
      "-i",
      "limit:=4.5",
      "--inputs",
      "-",
      "--idempotency-key",
      "k",
    ];
    const { status, stdout } = await run(argv, { input: '{"press":"1","mode":"x"}' });
    expect([status, stdout]).toEqual([0, "01RUN\n"]);
    expect(cli.fake.requests[0]?.request).toEqual({
      workflow: "press",
      inputsJson: '{"press":"7","mode":"x","limit":4.5}',
      idempotencyKey: "k",
    });
  });

  it("follows to the end: progress on stderr, the table on stdout, 0 when it succeeded", async () => {
    cli.fake.handlers["Runs.start"] = () => startedRun;
    cli.fake.handlers["Runs.watch"] = () => [
      runOf("running"),
      runOf("running"),
      runOf("succeeded"),
    ];
    const { status, stdout, stderr } = await run(["run", "press", "--follow"]);
    expect(status).toBe(0);
    expect(stderr.match(/sample\[0\] on edge-1: running/g)).toHaveLength(1);
    expect(stderr).toContain("sample[0] on edge-1: succeeded");
    expect(stdout).toMatch(
      /STEP {4}NODE[\s\S]*sample {2}edge-1 {2}succeeded {2}1 {8}2\.0s {2}\{"rms":4\.7\}/,
    );
    expect(stdout).not.toContain("\u001b");
  });

  it("ends with 3 when the run failed, and says where", async () => {
    cli.fake.handlers["Runs.start"] = () => startedRun;
    const failed = runOf("failed");
    const [instance] = failed.steps[0]?.instances ?? [];
    Object.assign(instance ?? {}, { code: "STEP_EXIT", message: "exit status 7" });
    cli.fake.handlers["Runs.watch"] = () => [failed];
    const { status, stderr } = await run(["run", "press", "-w"]);
    expect(status).toBe(3);
    expect(stderr).toContain("sample[0]: STEP_EXIT exit status 7");
  });

  it("prints one line of JSON a change", async () => {
    cli.fake.handlers["Runs.start"] = () => startedRun;
    cli.fake.handlers["Runs.watch"] = () => [runOf("running"), runOf("failed")];
    const { status, stdout } = await run(["run", "press", "-w", "-o", "json"]);
    const states = stdout
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { state: string }).state);
    expect([status, states]).toEqual([3, ["running", "failed"]]);
  });

  it("waits for a coordinator that ends the watch in between", async () => {
    cli.fake.handlers["Runs.start"] = () => startedRun;
    let times = 0;
    cli.fake.handlers["Runs.watch"] = () => {
      times += 1;
      if (times === 2) throw new Refusal("UNREACHABLE");
      return [runOf(times === 1 ? "running" : "succeeded")];
    };
    expect(await run(["run", "press", "-w"])).toMatchObject({ status: 0 });
    expect(times).toBe(3);
  });
});

describe("cohort runs", () => {
  it("asks for the page that is wanted, and says where the list goes on", async () => {
    const asked: unknown[] = [];
    cli.fake.handlers["Runs.list"] = (request) => {
      asked.push(request);
      return { runs: [runOf("failed", { reason: "STEP_EXIT" })], next: "12" };
    };
    const argv = ["runs", "--workflow", "press", "--state", "failed", "--limit", "1"];
    const { status, stdout, stderr } = await run([...argv, "--before", "99"]);
    expect([status, stderr]).toEqual([0, "older ones: --before 12\n"]);
    expect(stdout).toMatch(/^RUN .*\n01RUN +press +failed +operator .* STEP_EXIT\n$/);
    expect(JSON.parse((await run([...argv, "-o", "json"])).stdout)).toMatchObject({
      runs: [{ run: "01RUN" }],
      next: "12",
    });
    const page = { workflow: "press", state: "failed", limit: 1 };
    expect(asked).toEqual([
      { ...page, before: "99" },
      { ...page, before: "" },
    ]);
  });

  it("refuses a state that no run can be in", async () => {
    expect(await run(["runs", "--state", "done"])).toMatchObject({ status: 2 });
  });
});

describe("cohort cancel", () => {
  it("asks softly, or hard, and says whether anything changed", async () => {
    const asked: CancelRunRequest[] = [];
    cli.fake.handlers["Runs.cancel"] = (request) => {
      asked.push(request as CancelRunRequest);
      return { changed: asked.length === 1 };
    };
    expect(await run(["cancel", "01RUN"])).toMatchObject({
      status: 0,
      stdout: "01RUN is being cancelled\n",
    });
    const again = await run(["cancel", "01RUN", "--hard", "-o", "json"]);
    expect(JSON.parse(again.stdout)).toEqual({ run: "01RUN", changed: false });
    expect(asked).toEqual([
      { run: "01RUN", hard: false },
      { run: "01RUN", hard: true },
    ]);
  });
});

describe("cohort logs", () => {
  const chunk = (text: string | Buffer, rest: Partial<LogLine> = {}) =>
    LogLine.fromPartial({
      attempt: { run: "01RUN", step: "sample", instance: 0, attempt: 1 },
      node: "edge-1",
      stream: 1,
      atMs: 5,
      data: Buffer.from(text),
      ...rest,
    });

  it("makes lines of chunks that end inside lines and characters, a stream at a time", async () => {
    const euro = Buffer.from("€\n");
    cli.fake.handlers["Runs.logs"] = () => [
      chunk("one "),
      chunk("err", { stream: 2 }),
      chunk(Buffer.concat([Buffer.from("line\ncosts "), euro.subarray(0, 1)])),
      chunk(euro.subarray(1)),
    ];
    const { stdout } = await run(["logs", "01RUN"]);
    expect(stdout).toBe(
      "sample[0] edge-1 | one line\nsample[0] edge-1 | costs €\nsample[0] edge-1 ! | err\n",
    );
  });

  it("shows escape sequences instead of obeying them", async () => {
    cli.fake.handlers["Runs.logs"] = () => [
      chunk("\u001b]0;title\u0007\u001b[2J\u009b31m\u202etxt.exe\rover\n"),
    ];
    const { stdout } = await run(["logs", "01RUN"]);
    expect(stdout).toBe(
      "sample[0] edge-1 | \\x1b]0;title\\x07\\x1b[2J\\x9b31m\\u{202e}txt.exe\\x0dover\n",
    );
    const json = (await run(["logs", "01RUN", "-f", "-o", "json"])).stdout;
    expect(json).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(JSON.parse(json)).toMatchObject({
      step: "sample",
      stream: "stdout",
      text: "\u001b]0;title\u0007\u001b[2J\u009b31m\u202etxt.exe\rover",
    });
  });
});

describe("cohort secret set", () => {
  it("refuses a value on the command line with the reason, and does not repeat it", async () => {
    const { status, stdout, stderr } = await run(["secret", "set", "maintenance/key", "hunter2"]);
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^USAGE[\s\S]*read command lines/);
    expect(stderr).not.toContain("hunter2");
    expect(cli.fake.requests).toEqual([]);
  });

  it.each([
    ["s3cret\n", "s3cret"],
    ["s3cret", "s3cret"],
    ["s3cret\n\n", "s3cret\n"],
    ["s3cret\r\n", "s3cret"],
  ])("sends %j from stdin as %j, for the services named", async (input, value) => {
    cli.fake.handlers["Secrets.set"] = () => ({ version: 3 });
    const { status, stdout } = await run(["secret", "set", "a/b", "--service", "x", "y"], {
      input,
    });
    expect([status, stdout]).toEqual([0, "a/b version 3\n"]);
    const request = cli.fake.requests[0]?.request as SetSecretRequest;
    expect([String(request.value), request.services]).toEqual([value, ["x", "y"]]);
  });

  it("refuses an empty value", async () => {
    expect(await run(["secret", "set", "a/b"], { input: "\n" })).toMatchObject({ status: 2 });
  });
});

describe("cohort node invite", () => {
  it("prints the token alone on stdout", async () => {
    cli.fake.handlers["Nodes.invite"] = () => ({ joinToken: "cohort-join-1.x", expiresMs: 5 });
    const { stdout } = await run([
      "node",
      "invite",
      "--name",
      "edge-1",
      "--label",
      "line=1",
      "press=7",
    ]);
    expect(stdout).toBe("cohort-join-1.x\n");
    expect(cli.fake.requests[0]?.request).toEqual({
      name: "edge-1",
      labels: { line: "1", press: "7" },
    });
  });
});

describe("cohort run explain", () => {
  const explanation = {
    run: "01RUN",
    step: "sample",
    state: "running",
    reasons: [{ code: "max-concurrent", text: "1 of 2 instances wait for their turn" }],
    instances: [
      {
        instance: 0,
        state: "queued",
        reason: { code: "waits-for-node", text: "waits for a node that fits" },
        queue: { priority: 0, position: 3, waiting: 7, sinceMs: 5 },
      },
    ],
    instancesLeftOut: 1,
    nodes: [
      {
        code: "arch",
        wanted: "arm64",
        count: 4,
        nodes: [{ node: "edge-1", detail: "x86_64\u001b[2J" }],
      },
    ],
  };

  it("says why for people, and all of it as JSON", async () => {
    cli.fake.handlers["Runs.explain"] = () => explanation;
    const { status, stdout } = await run(["run", "explain", "01RUN", "sample"]);
    expect(status).toBe(0);
    expect(stdout).toContain("  1 of 2 instances wait for their turn\n");
    expect(stdout).toContain("number 3 of its workflow at priority 0; 7 wait for the same nodes");
    expect(stdout).toContain("  4 ruled out (arch, wanted: arm64)\n    edge-1: x86_64\\x1b[2J\n");
    expect(stdout).toContain("    and 3 more (--all)\n");
    const json = await run(["run", "explain", "01RUN", "sample", "--all", "-o", "json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({
      instances: [{ code: "waits-for-node", queue: { position: 3 } }],
      instances_left_out: 1,
      nodes: [{ code: "arch", wanted: "arm64", count: 4 }],
    });
    expect(cli.fake.requests.map(({ request }) => request)).toEqual([
      { run: "01RUN", step: "sample", all: false },
      { run: "01RUN", step: "sample", all: true },
    ]);
  });

  it("wants a run and a step, and leaves starting runs as it was", async () => {
    expect((await run(["run", "explain", "01RUN"])).status).toBe(2);
    cli.fake.handlers["Runs.start"] = () => ({ run: "01RUN", existing: false });
    expect((await run(["run", "explained"])).stdout).toBe("01RUN\n");
  });
});

describe("cohort node drain", () => {
  const node = (running: number, cordon: object | undefined) =>
    Node.fromPartial({
      node: "edge-1",
      state: "connected",
      running,
      ...(cordon === undefined ? {} : { cordon }),
    });

  it("asks for five minutes, tells what still runs, and ends when nothing does", async () => {
    cli.fake.handlers["Nodes.drain"] = () => ({ changed: true });
    cli.fake.handlers["Nodes.watch"] = () => [
      node(2, { drainByMs: 5 }),
      node(1, { drainByMs: 5 }),
      node(0, { drainByMs: 5, drainedMs: 4 }),
    ];
    const { status, stdout, stderr } = await run(["node", "drain", "edge-1", "--reason", "fan"]);
    expect([status, stdout]).toEqual([0, "edge-1 is drained: nothing runs there\n"]);
    expect(stderr).toMatch(/still runs 2[^\n]*\n[^\n]*still runs 1[^\n]*\n$/);
    expect(cli.fake.requests[0]?.request).toEqual({
      node: "edge-1",
      reason: "fan",
      deadlineMs: 300_000,
    });
  });

  it("says that somebody uncordoned the node before it was drained", async () => {
    cli.fake.handlers["Nodes.drain"] = () => ({ changed: true });
    cli.fake.handlers["Nodes.watch"] = () => [node(2, { drainByMs: 5 }), node(2, undefined)];
    const { status, stderr } = await run(["node", "drain", "edge-1"]);
    expect(status).toBe(4);
    expect(stderr).toContain("NODE_UNCORDONED");
  });

  it("refuses a deadline that is no duration, and asks nobody", async () => {
    const { status } = await run(["node", "drain", "edge-1", "--deadline", "soon"]);
    expect([status, cli.fake.requests]).toEqual([2, []]);
  });
});

describe("cohort node cordon and uncordon", () => {
  it.each([
    ["cordon", true, "edge-1 is given no new work\n"],
    ["cordon", false, "edge-1 was cordoned already\n"],
    ["uncordon", true, "edge-1 is given work again\n"],
    ["uncordon", false, "edge-1 was not cordoned\n"],
  ])("%s tells whether it changed anything: %s", async (command, changed, text) => {
    cli.fake.handlers[`Nodes.${command}`] = () => ({ changed });
    const { status, stdout } = await run(["node", command, "edge-1"]);
    expect([status, stdout]).toEqual([0, text]);
  });

  it("shows in the list of nodes why one is given no work", async () => {
    const cordon = { reason: "fan broken", actor: "operator", sinceMs: 1 };
    cli.fake.handlers["Nodes.list"] = () => ({
      nodes: [
        Node.fromPartial({ node: "edge-1", state: "connected", cordon }),
        Node.fromPartial({ node: "edge-2", state: "connected" }),
      ],
    });
    const { stdout } = await run(["nodes"]);
    expect(stdout).toContain("cordoned: fan broken");
    const { nodes } = JSON.parse((await run(["nodes", "-o", "json"])).stdout) as {
      nodes: { cordon: unknown }[];
    };
    expect(nodes.map((it) => it.cordon)).toEqual([
      { reason: "fan broken", actor: "operator", since_ms: 1, drain_by_ms: null, drained_ms: null },
      null,
    ]);
  });
});

describe("cohort doctor", () => {
  const coordinatorCheck = async (file: string) => {
    const { status, stdout } = await execute(cli.cohort, [
      "--context",
      file,
      "doctor",
      "-o",
      "json",
    ]);
    const { checks } = JSON.parse(stdout) as { checks: { name: string }[] };
    expect(checks.length).toBeGreaterThan(1);
    return { status, check: checks.find(({ name }) => name === "coordinator") };
  };

  it("checks that the coordinator answers, besides what the machine needs", async () => {
    cli.fake.handlers["Nodes.list"] = () => ({ nodes: [] });
    const { check } = await coordinatorCheck(cli.context);
    expect(check).toEqual({
      name: "coordinator",
      ok: true,
      detail: "answers; 0 nodes",
      remedy: "",
    });
  });

  it("names the remedy when it does not", async () => {
    const { status, check } = await coordinatorCheck(
      writeContext({ ...cli.fake.context, endpoint: "localhost:1" }),
    );
    expect(status).not.toBe(0);
    expect(check).toMatchObject({ ok: false, remedy: expect.stringContaining("cohort up") });
  });

  it("prints a table for people", async () => {
    const { stdout } = await execute(cli.cohort, ["doctor"]);
    expect(stdout).toMatch(/^CHECK +STATE +FOUND\n[\s\S]*coordinator +failed +USAGE/);
  });
});

describe("cohort broker-password", () => {
  it("prints a hash that differs every time", async () => {
    const hashes = await Promise.all(
      [1, 2].map(() => run(["broker-password"], { input: "pass\n" })),
    );
    const [one, other] = hashes.map(({ stdout }) => stdout);
    expect(one).toMatch(/^scrypt\$14\$8\$5\$\S{22}\$\S{43}\n$/);
    expect(one).not.toBe(other);
  });
});
