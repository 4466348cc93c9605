import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  ApplyRequest,
  type ExportChunk,
  LogLine,
  Node,
  Run,
  type SetSecretRequest,
} from "@cohort/proto/gen/cohort/console";
import { canonicalJson } from "@cohort/proto/ledger/canonical";
import { signCheckpoint } from "@cohort/proto/ledger/checkpoint";
import { leafHash, MerkleTree } from "@cohort/proto/ledger/merkle";
import { encodeVerifierKey } from "@cohort/proto/ledger/note";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { newSigner, sha256 } from "../../proto/test/ledger/reference.ts";
import { bundle, execute, type Finished, newFolder, writeContext } from "./kit/cohort.ts";
import { type FakeConsole, Refusal, startFakeConsole } from "./kit/fake-console.ts";

let cohort: string;
let fake: FakeConsole;
let context: string;

beforeAll(async () => {
  cohort = await bundle("console/cli/main.ts");
  fake = await startFakeConsole();
  context = writeContext(fake.context);
});

afterAll(() => fake.stop());

beforeEach(() => {
  fake.handlers = {};
  fake.requests.length = 0;
});

function run(
  argv: readonly string[],
  options: Parameters<typeof execute>[2] = {},
): Promise<Finished> {
  return execute(cohort, ["--context", context, ...argv], options);
}

const runOf = (state: string, rest: Partial<Run> = {}) =>
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
    expect(await execute(cohort, ["nodes"])).toMatchObject({ status: 2 });
    const open = writeContext(fake.context, 0o644);
    const refused = await execute(cohort, ["--context", open, "nodes"]);
    expect(refused).toMatchObject({ status: 2, stderr: expect.stringContaining("chmod 600") });
    const malformed = writeContext({ ...fake.context, endpoint: "http://localhost" });
    expect(await execute(cohort, ["--context", malformed, "nodes"])).toMatchObject({ status: 2 });
  });

  it("is 5 when nobody listens, with what to do about it", async () => {
    const away = writeContext({ ...fake.context, endpoint: "localhost:1" });
    const { status, stderr } = await execute(cohort, ["--context", away, "nodes"]);
    expect(status).toBe(5);
    expect(stderr).toMatch(/UNREACHABLE.*localhost:1[\s\S]*cohort up/);
  });

  it("is 5 when the server's certificate is not the context's, and nothing was sent", async () => {
    const stranger = await startFakeConsole();
    const wrong = writeContext({ ...fake.context, endpoint: stranger.context.endpoint });
    const { status, stderr } = await execute(cohort, ["--context", wrong, "nodes"]);
    await stranger.stop();
    expect([status, stranger.requests]).toEqual([5, []]);
    expect(stderr).toContain("right context");
  });

  it("is 4 when the coordinator refuses, in its own words", async () => {
    fake.handlers["Runs.start"] = () => {
      throw new Refusal("WORKFLOW_UNKNOWN", "no workflow is called pres", "Did you mean press?");
    };
    const { status, stdout, stderr } = await run(["run", "pres"]);
    expect([status, stdout]).toEqual([4, ""]);
    expect(stderr).toBe("WORKFLOW_UNKNOWN no workflow is called pres\n  Did you mean press?\n");
  });

  it("is 4 with a token that the coordinator does not know", async () => {
    const stale = writeContext({ ...fake.context, token: "stale" });
    expect(await execute(cohort, ["--context", stale, "nodes"])).toMatchObject({ status: 4 });
  });
});

describe("the context", () => {
  it("is found upward from the working directory, and by COHORT_CONTEXT before that", async () => {
    fake.handlers["Nodes.list"] = () => ({ nodes: [] });
    const root = newFolder();
    mkdirSync(join(root, ".cohort"));
    mkdirSync(join(root, "deep", "deeper"), { recursive: true });
    writeFileSync(join(root, ".cohort", "operator.json"), JSON.stringify(fake.context), {
      mode: 0o600,
    });
    const directory = join(root, "deep", "deeper");
    expect(await execute(cohort, ["nodes"], { directory })).toMatchObject({ status: 0 });
    const environment = { COHORT_CONTEXT: "/does/not/exist" };
    expect(await execute(cohort, ["nodes"], { directory, environment })).toMatchObject({
      status: 2,
    });
  });
});

describe("-o json", () => {
  it("prints errors as one document on stderr and nothing on stdout", async () => {
    const { stdout, stderr } = await execute(cohort, ["-o", "json", "nodes"]);
    expect(stdout).toBe("");
    expect(JSON.parse(stderr)).toMatchObject({ problems: [{ code: "USAGE" }] });
  });

  it("shows a run with every key, and what its JSON says", async () => {
    fake.handlers["Runs.get"] = () => runOf("running", { inputsJson: '{"press":"7"}' });
    const { status, stdout } = await run(["status", "01RUN", "-o", "json"]);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      run: "01RUN",
      workflow: "press",
      version: "",
      state: "running",
      trigger: "operator",
      inputs: { press: "7" },
      started_ms: 1000,
      ended_ms: null,
      reason: "",
      steps: [
        {
          step: "sample",
          kind: "run",
          state: "running",
          reason: "",
          instances: [
            {
              instance: 0,
              attempt: 1,
              node: "edge-1",
              state: "running",
              started_ms: 1000,
              ended_ms: 3000,
              output: { rms: 4.7 },
              code: "",
              message: "",
              usage: null,
            },
          ],
        },
      ],
      charges: [],
    });
  });

  it("prints each list under its name", async () => {
    fake.handlers = {
      "Nodes.list": () => ({ nodes: [Node.fromPartial({ node: "edge-1", state: "connected" })] }),
      "Runs.list": () => ({ runs: [] }),
      "Budgets.list": () => ({ budgets: [] }),
      "Secrets.list": () => ({ secrets: [{ path: "a/b", version: 2, setMs: 5, services: ["x"] }] }),
    };
    const parse = async (...argv: string[]) =>
      JSON.parse((await run([...argv, "-o", "json"])).stdout) as unknown;
    expect(await parse("nodes")).toEqual({
      nodes: [
        { node: "edge-1", state: "connected", labels: {}, running: 0, seen_ms: null, facts: null },
      ],
    });
    expect(await parse("status")).toEqual({ runs: [] });
    expect(await parse("budget")).toEqual({ budgets: [] });
    expect(await parse("secret", "list")).toEqual({
      secrets: [{ path: "a/b", version: 2, set_ms: 5, services: ["x"] }],
    });
  });
});

describe("cohort apply", () => {
  it("sends the YAML files of a folder in order, and certificates but no private key", async () => {
    fake.handlers["Resources.apply"] = () => ({
      changes: [{ kind: "workflow", name: "press", version: "abc", change: "created" }],
    });
    const directory = newFolder();
    const files = {
      "b.yml": "kind: service",
      "a.yaml": "kind: workflow",
      "notes.txt": "no",
      "ca.pem": "-----BEGIN CERTIFICATE-----\n",
      "key.pem": "-----BEGIN PRIVATE KEY-----\n",
    };
    mkdirSync(join(directory, "res"));
    for (const [name, text] of Object.entries(files))
      writeFileSync(join(directory, "res", name), text);
    const { status, stdout } = await run(["apply", "-f", "res", "--dry-run", "-o", "json"], {
      directory,
    });
    expect(status).toBe(0);
    expect(fake.requests[0]?.request).toEqual(
      ApplyRequest.fromPartial({
        dryRun: true,
        files: [
          { path: "res/a.yaml", text: "kind: workflow" },
          { path: "res/b.yml", text: "kind: service" },
          { path: "res/ca.pem", text: "-----BEGIN CERTIFICATE-----\n" },
        ],
      }),
    );
    expect(JSON.parse(stdout)).toEqual({
      dry_run: true,
      changes: [{ kind: "workflow", name: "press", version: "abc", change: "created" }],
    });
  });

  it("refuses a folder without YAML, and a file that is not UTF-8", async () => {
    const directory = newFolder();
    expect(await run(["apply", "-f", "."], { directory })).toMatchObject({ status: 2 });
    writeFileSync(join(directory, "a.yaml"), Buffer.of(0xff, 0xfe));
    expect(await run(["apply", "-f", "a.yaml"], { directory })).toMatchObject({ status: 2 });
  });
});

describe("cohort run", () => {
  it("prints the run's id, and sends text as text and JSON as JSON", async () => {
    fake.handlers["Runs.start"] = () => ({ run: "01RUN", existing: false });
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
    expect(fake.requests[0]?.request).toEqual({
      workflow: "press",
      inputsJson: '{"press":"7","mode":"x","limit":4.5}',
      idempotencyKey: "k",
    });
  });

  it("follows to the end: progress on stderr, the table on stdout, 0 when it succeeded", async () => {
    fake.handlers["Runs.start"] = () => ({ run: "01RUN", existing: false });
    fake.handlers["Runs.watch"] = () => [runOf("running"), runOf("running"), runOf("succeeded")];
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
    fake.handlers["Runs.start"] = () => ({ run: "01RUN", existing: false });
    const failed = runOf("failed");
    const [instance] = failed.steps[0]?.instances ?? [];
    Object.assign(instance ?? {}, { code: "STEP_EXIT", message: "exit status 7" });
    fake.handlers["Runs.watch"] = () => [failed];
    const { status, stderr } = await run(["run", "press", "-w"]);
    expect(status).toBe(3);
    expect(stderr).toContain("sample[0]: STEP_EXIT exit status 7");
  });

  it("prints one line of JSON a change", async () => {
    fake.handlers["Runs.start"] = () => ({ run: "01RUN", existing: false });
    fake.handlers["Runs.watch"] = () => [runOf("running"), runOf("failed")];
    const { status, stdout } = await run(["run", "press", "-w", "-o", "json"]);
    const states = stdout
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { state: string }).state);
    expect([status, states]).toEqual([3, ["running", "failed"]]);
  });

  it("waits for a coordinator that ends the watch in between", async () => {
    fake.handlers["Runs.start"] = () => ({ run: "01RUN", existing: false });
    let times = 0;
    fake.handlers["Runs.watch"] = () => {
      times += 1;
      if (times === 2) throw new Refusal("UNREACHABLE");
      return [runOf(times === 1 ? "running" : "succeeded")];
    };
    expect(await run(["run", "press", "-w"])).toMatchObject({ status: 0 });
    expect(times).toBe(3);
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
    fake.handlers["Runs.logs"] = () => [
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
    fake.handlers["Runs.logs"] = () => [
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
    expect(fake.requests).toEqual([]);
  });

  it.each([
    ["s3cret\n", "s3cret"],
    ["s3cret", "s3cret"],
    ["s3cret\n\n", "s3cret\n"],
    ["s3cret\r\n", "s3cret"],
  ])("sends %j from stdin as %j, for the services named", async (input, value) => {
    fake.handlers["Secrets.set"] = () => ({ version: 3 });
    const { status, stdout } = await run(["secret", "set", "a/b", "--service", "x", "y"], {
      input,
    });
    expect([status, stdout]).toEqual([0, "a/b version 3\n"]);
    const request = fake.requests[0]?.request as SetSecretRequest;
    expect([String(request.value), request.services]).toEqual([value, ["x", "y"]]);
  });

  it("refuses an empty value", async () => {
    expect(await run(["secret", "set", "a/b"], { input: "\n" })).toMatchObject({ status: 2 });
  });
});

describe("cohort node invite", () => {
  it("prints the token alone on stdout", async () => {
    fake.handlers["Nodes.invite"] = () => ({ joinToken: "cohort-join-1.x", expiresMs: 5 });
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
    expect(fake.requests[0]?.request).toEqual({
      name: "edge-1",
      labels: { line: "1", press: "7" },
    });
  });
});

describe("cohort ledger", () => {
  const signer = newSigner("mesh.example");
  const verifierKey = encodeVerifierKey(signer, sha256);

  function ledgerOf(size: number): ExportChunk[] {
    const tree = new MerkleTree(sha256);
    const leaves = Array.from({ length: size }, (_, at) => {
      const json = canonicalJson({ seq: at + 1, at_ms: at });
      const hash = leafHash(sha256, Buffer.from(json));
      tree.append(hash);
      return { json, leafHash: hash };
    });
    const checkpoint = signCheckpoint({ size, root: tree.root() }, signer, sha256);
    return [
      { checkpoint, verifierKey, leaves: leaves.slice(0, 2) },
      { checkpoint: "", verifierKey: "", leaves: leaves.slice(2) },
    ];
  }

  it("verifies what the coordinator has", async () => {
    fake.handlers["Ledger.export"] = () => ledgerOf(5);
    const { status, stdout } = await run(["ledger", "verify", "-o", "json"]);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      ok: true,
      size: 5,
      root: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  it("refuses it when another key was to have signed", async () => {
    fake.handlers["Ledger.export"] = () => ledgerOf(5);
    const key = encodeVerifierKey(newSigner("mesh.example"), sha256);
    expect(await run(["ledger", "verify", "--key", key])).toMatchObject({ status: 4 });
  });

  it("exports to a file that verifies offline, and names the entry that was edited in it", async () => {
    fake.handlers["Ledger.export"] = () => ledgerOf(5);
    const file = join(newFolder(), "ledger.jsonl");
    const exported = await run(["ledger", "export", "-O", file, "-o", "json"]);
    expect(JSON.parse(exported.stdout)).toEqual({ file, entries: 5, verifier_key: verifierKey });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const offline = ["ledger", "verify", "--export", file, "--key", verifierKey];
    const directory = dirname(file);
    expect(await execute(cohort, offline, { directory })).toMatchObject({ status: 0 });

    writeFileSync(file, readFileSync(file, "utf8").replace('{\\"at_ms\\":2', '{\\"at_ms\\":9'));
    const edited = await execute(cohort, [...offline, "-o", "json"], { directory });
    expect(edited.status).toBe(4);
    expect(JSON.parse(edited.stdout)).toMatchObject({
      ok: false,
      index: 2,
      seq: 3,
      code: "LEDGER_INVALID",
    });
  });

  it("shows what a forged entry says without obeying it", async () => {
    const json = canonicalJson({ seq: "\u009b2J\u202e" });
    const leaves = [{ json, leafHash: leafHash(sha256, Buffer.from(json)) }];
    fake.handlers["Ledger.export"] = () => [{ checkpoint: "x", verifierKey, leaves }];
    const { status, stdout } = await run(["ledger", "verify"]);
    expect(status).toBe(4);
    expect(stdout).toContain("LEDGER_INVALID entry 1: it says that it is entry \\x9b2J\\u{202e}");
  });

  it("does not verify an export by the key that came with it", async () => {
    expect(await run(["ledger", "verify", "--export", "x"])).toMatchObject({ status: 2 });
  });

  it("refuses an export that is not one", async () => {
    const file = join(newFolder(), "x.jsonl");
    writeFileSync(file, "nonsense\n");
    const argv = ["ledger", "verify", "--key", verifierKey, "--export"];
    expect(await run([...argv, file])).toMatchObject({ status: 4 });
    expect(await run([...argv, "/does/not/exist"])).toMatchObject({ status: 2 });
  });
});

describe("cohort doctor", () => {
  const coordinatorCheck = async (file: string) => {
    const { status, stdout } = await execute(cohort, ["--context", file, "doctor", "-o", "json"]);
    const { checks } = JSON.parse(stdout) as { checks: { name: string }[] };
    expect(checks.length).toBeGreaterThan(1);
    return { status, check: checks.find(({ name }) => name === "coordinator") };
  };

  it("checks that the coordinator answers, besides what the machine needs", async () => {
    fake.handlers["Nodes.list"] = () => ({ nodes: [] });
    const { check } = await coordinatorCheck(context);
    expect(check).toEqual({
      name: "coordinator",
      ok: true,
      detail: "answers; 0 nodes",
      remedy: "",
    });
  });

  it("names the remedy when it does not", async () => {
    const { status, check } = await coordinatorCheck(
      writeContext({ ...fake.context, endpoint: "localhost:1" }),
    );
    expect(status).not.toBe(0);
    expect(check).toMatchObject({ ok: false, remedy: expect.stringContaining("cohort up") });
  });

  it("prints a table for people", async () => {
    const { stdout } = await execute(cohort, ["doctor"]);
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
