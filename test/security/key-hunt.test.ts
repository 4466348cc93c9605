import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  ExplainRequest,
  FindEntriesRequest,
  GetArtifactRequest,
  GetNodeRequest,
  GetRunRequest,
  GraphRequest,
  HistoryRequest,
  LogsRequest,
  ProveRequest,
  SecretVersionsRequest,
  ShowResourceRequest,
} from "@cohort/proto/gen/cohort/console";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { searchCoreDump } from "../kit/core-dump.ts";
import { CredentialDesk, type Kind, kinds } from "../kit/credential-desk.ts";
import { Desk } from "../kit/desk.ts";
import { boards, TestMesh } from "../kit/mesh.ts";
import { tracedPayloads } from "../kit/nats-trace.ts";
import { processTree, searchMemory } from "../kit/process-memory.ts";
import { bearerOf, consoleMethods, RawConsole } from "../kit/raw-console.ts";
import { RogueNode } from "../kit/rogue-node.ts";
import { type Spelling, searchBytes, searchFiles, spellingsOf } from "../kit/secret-search.ts";

const messages = 4;

let mesh: TestMesh;
let desk: Desk;
let credentials: CredentialDesk;
/** Of the API key, and of a credential of each other kind. */
let key: Spelling[];
/** Runs that the load has left: of the example, failing, asking, and asking that goes on. */
let runs: string[] = [];

beforeAll(async () => {
  // -V: nats-server logs every message that crosses it, as a whole.
  mesh = await TestMesh.start({ natsArguments: ["-V"] });
  key = spellingsOf(mesh.apiKey);
  desk = await Desk.start(mesh);
  credentials = await CredentialDesk.start(mesh);
  key.push(...credentials.spellings);
  await mesh.startFactory();
  await mesh.startGateway();
  await mesh.startAgents();
  await mesh.apply([{ path: "load.yaml", text: load }]);
  for (let at = 0; at < messages; at++) {
    await mesh.publish("factory/line1/press/p1/vibration", `{"rms": ${6 + at}}`);
  }
  await mesh.until(async () => (await mesh.runsOf("press-vibration")).length === messages);
  const vibrations = (await mesh.runsOf("press-vibration")).map(({ run }) => run);
  const others = [await mesh.run("failing"), await mesh.run("asking")];
  const lingering = await mesh.run("asking", { linger: true });
  runs = [...vibrations, ...others, lingering, await mesh.run("spread")];
  for (const run of runs) if (run !== lingering) await mesh.ended(run);
  await mesh.until(async () => desk.requests.filter(({ url }) => url === "/echo").length === 3);
});
afterAll(async () => {
  await desk?.stop();
  await credentials?.stop();
  await mesh?.stop();
});

describe("the load", () => {
  it("has really sent the key out, and had it thrown back", async () => {
    expect(desk.requests.length).toBeGreaterThanOrEqual(5);
    expect(desk.requests.every(({ headers }) => headers["x-api-key"] === mesh.apiKey)).toBe(true);
    const tickets = readFileSync(join(mesh.home, "desk/tickets.jsonl"), "utf8");
    expect(tickets.trimEnd().split("\n")).toHaveLength(messages);
    const failing = await mesh.getRun(runs[messages] ?? "");
    expect(failing.state).toBe("failed");
    expect(failing.reason).toContain("UPSTREAM_INVALID");
    const asking = await mesh.getRun(runs[messages + 1] ?? "");
    expect(asking).toMatchObject({ state: "succeeded", reason: "" });
    const output: unknown = JSON.parse(asking.steps[0]?.instances[0]?.outputJson ?? "null");
    expect(output).toMatchObject({ filed: 201, echo: { code: "UPSTREAM_INVALID" } });
  });

  it("has really shown a credential of each other kind, and had all thrown back that can be", async () => {
    const spread = await mesh.getRun(runs[messages + 3] ?? "");
    expect(spread).toMatchObject({ state: "succeeded", reason: "" });
    const output: unknown = JSON.parse(spread.steps[0]?.instances[0]?.outputJson ?? "null");
    const echoed = (kind: Kind) => (kind === "mtls" ? "201" : "UPSTREAM_INVALID");
    expect(output).toEqual(Object.fromEntries(kinds.map((it) => [it, ["201", echoed(it)]])));
    // By a step on a board, which also has it thrown back, and by a call of the coordinator's own.
    expect(Object.fromEntries(credentials.shown)).toEqual(
      Object.fromEntries(kinds.map((it) => [it, 3])),
    );
  });
});

describe("the API key, and a credential of each other kind,", () => {
  it.each([...Object.keys(boards), "gateway", "nats-server"])(
    "is not in the memory of %s",
    (name) => {
      const { found, bytesRead } = searchMemory(mesh.program(name).pid, key);
      expect(found).toEqual([]);
      expect(bytesRead).toBeGreaterThan(1_000_000);
    },
  );

  it.each([...Object.keys(boards), "gateway", "nats-server"])(
    "is not in a core dump of %s",
    async (name) => {
      const { pid } = mesh.program(name);
      const shown = { name: "shown", bytes: Buffer.from(name) };
      const { found, bytesRead } = await searchCoreDump(pid, [...key, shown]);
      expect(found).toEqual(["shown"]);
      expect(bytesRead).toBeGreaterThan(1_000_000);
    },
  );

  it("is not in the memory of a step that has called, and still runs", async () => {
    expect(await mesh.getRun(runs[messages + 2] ?? "")).toMatchObject({ state: "running" });
    const [agent, ...steps] = processTree(mesh.program("press-01").pid);
    expect(agent).toBe(mesh.program("press-01").pid);
    expect(steps.length).toBeGreaterThan(0);
    for (const pid of steps) {
      // A step cannot be traced, so that root alone may look; to anyone else it is shut.
      if (process.getuid?.() === 0) expect(searchMemory(pid, key).found).toEqual([]);
      else expect(() => searchMemory(pid, key)).toThrow(/EACCES|EPERM/);
    }
  });

  it("crosses NATS in no message, though the trace has every byte of each", async () => {
    const node = await RogueNode.start(mesh, "crier");
    const decoys = spellingsOf(randomBytes(32).toString("base64url"));
    const bodies = decoys.map(({ bytes }) =>
      Buffer.concat([randomBytes(50_000), bytes, randomBytes(50_000)]),
    );
    for (const body of bodies) node.bus.connection.publish("mesh.up.crier.decoy", body);
    await node.bus.connection.flush();
    await node.close();
    const trace = readFileSync(join(mesh.home, "log/nats-server.log"));
    const crossed = tracedPayloads(trace);
    for (const body of bodies) expect(crossed.some((it) => it.equals(body))).toBe(true);
    const all = Buffer.concat(crossed);
    expect(searchBytes(all, decoys)).toEqual(decoys.map(({ name }) => name));
    expect(searchBytes(all, key)).toEqual([]);
    expect(searchBytes(trace, key)).toEqual([]);
  });

  it("is in no file of the mesh: databases, vault, logs, agents' data, the broker's", () => {
    const files = ["coordinator/cohort.db", "coordinator/vault.db", "log/gateway.log"];
    for (const file of files) expect(readFileSync(join(mesh.home, file)).length).toBeGreaterThan(0);
    expect(searchFiles(mesh.home, key)).toEqual([]);
  });

  it("is in no answer of the console", async () => {
    const console_ = new RawConsole(mesh.context);
    const asked = new Set<string>();
    const reading = consoleMethods.filter(({ path }) => !changing.test(path) && !silent.test(path));
    for (const method of reading) {
      const role = method.path.includes("Events/") ? "gateway.json" : "operator.json";
      for (const request of requestsFor(method.path)) {
        const metadata = bearerOf(join(mesh.home, role));
        const { answers } = await console_.call(method.path, metadata, request, 2_000);
        expect(answers.length, method.path).toBeGreaterThan(0);
        for (const answer of answers) {
          asked.add(method.path);
          expect(searchBytes(answer, key), method.path).toEqual([]);
          const text = JSON.stringify(method.responseDeserialize(answer));
          expect(searchBytes(Buffer.from(text), key), method.path).toEqual([]);
        }
      }
    }
    console_.close();
    expect(asked.size).toBe(reading.length);
  });

  it("is in nothing that the command line shows, nor in the exported ledger", async () => {
    const failing = runs[messages] ?? "";
    const asking = runs[messages + 1] ?? "";
    const commands = [
      ["status"],
      ["status", failing],
      ["status", asking],
      ["logs", asking],
      ["nodes"],
      ["secret", "list"],
      ["secret", "versions", "desk/api-key"],
      ["vault", "status"],
      ["budget"],
      ["ledger", "export"],
      ["ledger", "verify"],
      ["doctor"],
    ];
    for (const command of commands.flatMap((it) => [it, [...it, "-o", "json"]])) {
      const { stdout, stderr } = await mesh.cohort(...command);
      expect(stdout.length, command.join(" ")).toBeGreaterThan(0);
      expect(searchBytes(Buffer.from(stdout + stderr), key), command.join(" ")).toEqual([]);
    }
  });
});

/** Methods that do something rather than tell something, or tell it once only: what is to be published. */
const changing = new RegExp(
  `/(?:${[
    "Apply|Rollback|Start|StartMany|Cancel|Pause|Resume|Retry|Rerun|Skip|Decide|Set|Reconcile",
    "Invite|Cordon|Drain|Uncordon|SetSlots|Label|GrantDevice|UngrantDevice|Rotate|Revoke",
    "Retire|Delete|Unseal|Seal|RotateKek|RotateMachineKey|RotateDataKey|RotateTokenKey|Accept",
    "Trust|Publish|Remove|Rollout|Change|Settle|RotateKey",
    "Submit|SubmitWebhook|AcknowledgePublication|WatchPublications",
  ].join("|")})$`,
);

/** Refused here, as there was no rollout; it tells of nodes and versions. */
const silent = /Agents\/Status$/;

/** Of the others, all that is there to be told; each method with what it needs to be told of. */
function requestsFor(path: string): Buffer[] {
  const encode = (it: { finish(): Uint8Array }) => Buffer.from(it.finish());
  const run = runs[messages + 1] ?? "";
  const resources = [
    { kind: "workflow", name: "asking" },
    { kind: "service", name: "desk" },
  ];
  switch (path.split(".").at(-1)) {
    case "Resources/Show":
      return resources.map((it) => encode(ShowResourceRequest.encode({ ...it, version: "" })));
    case "Resources/History":
      return resources.map((it) => encode(HistoryRequest.encode(it)));
    case "Resources/Graph":
      return [encode(GraphRequest.encode({ workflow: "asking", version: "", files: [] }))];
    case "Runs/Logs":
      return [encode(LogsRequest.encode({ run, step: "", follow: false, after: 0 }))];
    case "Runs/Explain": {
      const lingering = runs[messages + 2] ?? "";
      return [encode(ExplainRequest.encode({ run: lingering, step: "ask", all: true }))];
    }
    case "Runs/Get":
    case "Runs/Watch":
    case "Artifacts/List":
      return runs.map((it) => encode(GetRunRequest.encode({ run: it })));
    case "Artifacts/Get": {
      const wanted = { run, step: "leave", instance: 0, name: "left" };
      return [encode(GetArtifactRequest.encode(wanted))];
    }
    case "Secrets/Versions":
      return [encode(SecretVersionsRequest.encode({ path: "desk/api-key" }))];
    case "Ledger/Prove":
      return [encode(ProveRequest.encode({ seq: 1 }))];
    case "Ledger/Find":
      return [encode(FindEntriesRequest.encode({ run, step: "" }))];
    case "Nodes/Watch":
      return [encode(GetNodeRequest.encode({ node: "press-01" }))];
    default:
      return [Buffer.alloc(0)];
  }
}

const grants = kinds.map((kind) => `desk-${kind}`).join(", ");
const ownCalls = kinds.map(
  (kind) => `  - id: own-${kind}
    call: { service: desk-${kind}, method: POST, path: /tickets, json: { title: t } }
`,
);

/** A call that the service answers with the key, by the coordinator and by a step on a board. */
const load = `kind: workflow
name: failing
steps:
  - id: echo
    call: { service: desk, path: /echo }
---
kind: workflow
name: asking
inputs:
  linger: { type: boolean, default: false }
steps:
  - id: ask
    nodes: { select: "node.name == 'press-01'" }
    grants: { services: [desk] }
    script: |
      export default async ({ fetch, inputs, log, sleep }) => {
        const filed = await fetch("desk:/tickets", { method: "POST", body: { title: "t" } });
        const answer = await fetch("desk:/echo");
        const text = await answer.text();
        log(answer.status, JSON.stringify(answer.headers), text);
        if (inputs.linger) await sleep(300_000);
        return { filed: filed.status, echo: JSON.parse(text) };
      };
  - id: leave
    nodes: { select: "node.name == 'press-02'" }
    run: echo left > left
    artifacts: { upload: [{ name: left, path: left }] }
---
kind: workflow
name: spread
steps:
  - id: ask
    nodes: { select: "node.name == 'press-01'" }
    grants: { services: [${grants}] }
    script: |
      export default async ({ fetch, log }) => {
        const said = {};
        for (const kind of ${JSON.stringify(kinds)}) {
          const ticket = { method: "POST", body: { title: "t" } };
          const answers = [await fetch("desk-" + kind + ":/tickets", ticket), await fetch("desk-" + kind + ":/echo")];
          const texts = await Promise.all(answers.map((it) => it.text()));
          log(kind, ...texts, ...answers.map((it) => JSON.stringify(it.headers)));
          said[kind] = answers.map((it, at) => (it.ok ? String(it.status) : (JSON.parse(texts[at]).code ?? texts[at])));
        }
        return said;
      };
${ownCalls.join("")}`;
