import { errors } from "@cohort/proto/errors";
import {
  type CancelRunRequest,
  LogLine,
  type LogsRequest,
  type SetSecretRequest,
} from "@cohort/proto/gen/cohort/console";
import { beforeEach, describe, expect, it } from "vitest";
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
  let written = 0;
  beforeEach(() => {
    written = 0;
  });
  const chunk = (text: string | Buffer, rest: Partial<LogLine> = {}) => {
    const offset = written;
    written += Buffer.byteLength(text);
    return LogLine.fromPartial({
      offset,
      attempt: { run: "01RUN", step: "sample", instance: 0, attempt: 1 },
      node: "edge-1",
      stream: 1,
      atMs: 5,
      data: Buffer.from(text),
      ...rest,
    });
  };

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

  it("shows where output is missing, and goes on behind a cursor without calling it missing", async () => {
    let asked = 0;
    cli.fake.handlers["Runs.logs"] = (request) => {
      asked = (request as LogsRequest).after;
      return [chunk("b\n", { offset: 100, cursor: 7 }), chunk("c\n", { offset: 112, cursor: 9 })];
    };
    const { stdout } = await run(["logs", "01RUN"]);
    expect(stdout.split("\n").map((line) => line.split("| ")[1])).toEqual([
      "[100 bytes of output are missing here]",
      "b",
      "[10 bytes of output are missing here]",
      "c",
      undefined,
    ]);
    const resumed = (await run(["logs", "01RUN", "--after", "6", "-o", "json"])).stdout;
    expect(asked).toBe(6);
    const lines = resumed
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines[0]).toMatchObject({ text: "b", cursor: 7 });
  });

  it("says that the end of the output is missing", async () => {
    cli.fake.handlers["Runs.logs"] = () => [chunk("a\n"), chunk("", { offset: 50 })];
    const { stdout } = await run(["logs", "01RUN"]);
    expect(stdout.split("\n").map((line) => line.split("| ")[1])).toEqual([
      "a",
      "[48 bytes of output are missing here]",
      undefined,
    ]);
  });

  it("goes on behind the last that came when the coordinator was away, as it follows", async () => {
    const asked: number[] = [];
    cli.fake.handlers["Runs.logs"] = function* (request: LogsRequest): Generator<LogLine> {
      asked.push(request.after);
      if (request.after === 7) {
        yield chunk("ine\n", { cursor: 9 });
        return;
      }
      yield chunk("first\nl", { cursor: 7 });
      throw new Refusal("UNREACHABLE");
    };
    const { status, stdout, stderr } = await run(["logs", "-f", "01RUN"]);
    expect([status, asked]).toEqual([0, [0, 7]]);
    expect(stdout).toBe("sample[0] edge-1 | first\nsample[0] edge-1 | line\n");
    expect(stderr).toBe("the coordinator is away; waiting for it\n");
  });

  it("does not wait for a coordinator that is away when it does not follow", async () => {
    cli.fake.handlers["Runs.logs"] = () => {
      throw new Refusal("UNREACHABLE");
    };
    const { status, stdout, stderr } = await run(["logs", "01RUN"]);
    expect([status, stdout]).toEqual([errors.UNREACHABLE.exit, ""]);
    expect(stderr).toContain("UNREACHABLE");
  });

  it("shows escape sequences instead of obeying them", async () => {
    cli.fake.handlers["Runs.logs"] = () => [
      chunk("\u001b]0;title\u0007\u001b[2J\u009b31m\u202etxt.exe\rover\n", { offset: 0 }),
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
