import { createHash } from "node:crypto";
import { copyFileSync, existsSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "@cohort/deploy/setup/paths.mjs";
import { Release } from "@cohort/proto/gen/cohort/node";
import { releaseProof } from "@cohort/proto/proof";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseSecretKey, signWith } from "../../gateway/console/cli/commands/release-key.ts";
import { buildAgent } from "../../node-agent/toolchain/build.mjs";
import { TestMesh } from "../kit/mesh.ts";

const slow = `kind: workflow
name: slow
steps:
  - { id: wait, nodes: { select: node.name == "board-03" }, run: sleep 4 }
`;

interface Status {
  readonly state: string;
  readonly reason: string;
  readonly nodes: { node: string; state: string; version: string; code: string; reason: string }[];
}

describe("cohort agent rollout", () => {
  let mesh: TestMesh;
  let key: string;

  beforeAll(async () => {
    mesh = await TestMesh.start();
    const file = join(mesh.home, "cohort-agent-0.2.0");
    const { file: built } = await buildAgent({
      version: "0.2.0",
      outFile: join(repository, ".cohort/build/test/agent-0.2.0"),
    });
    copyFileSync(built, file);
    await mesh.startAgents({
      "board-01": { line: "3" },
      "board-02": { line: "3" },
      "board-03": { line: "2" },
    });
    key = join(mesh.home, "release.key");
    const { stdout } = await mesh.cohort("agent", "keygen", "--out", key);
    await done("agent", "trust", stdout.trim());
    await done("agent", "sign", file, "--key", key);
    await done("agent", "publish", file);
    await mesh.apply([{ path: "slow.yaml", text: slow }]);
  });

  afterAll(async () => {
    await mesh?.stop();
  });

  async function done(...argv: string[]): Promise<string> {
    const { exit, stdout, stderr } = await mesh.cohort(...argv);
    expect([exit, stderr.split("\n").filter((it) => /^[A-Z_]+ /.test(it))]).toEqual([0, []]);
    return stdout;
  }

  const status = async (): Promise<Status> =>
    JSON.parse(await done("agent", "rollout", "status", "-o", "json"));
  const versions = async () => {
    const { nodes } = await mesh.client.call(mesh.client.nodes, mesh.client.nodes.list, {});
    return Object.fromEntries(nodes.map((it) => [it.node, it.facts?.version]));
  };
  const inState = (state: string) =>
    mesh.until(async () => (await status()).state === state, 60_000);

  /** A release that is signed as it should be, of something that is no agent. */
  async function plant(version: string, content: string): Promise<void> {
    const binary = Buffer.from(content);
    const sha256 = createHash("sha256").update(binary).digest();
    const release = { version, arch: "x86_64", size: binary.length, sha256, floor: "" };
    const payload = Release.encode(release).finish();
    const seed = parseSecretKey(readFileSync(key, "utf8"), key);
    const signed = { payload, signature: signWith(seed, releaseProof(payload)) };
    const { agents } = mesh.client;
    await mesh.client.call(agents, agents.publish, { signed, binary });
  }

  it("brings the version to the nodes that are selected, in the processes that they are", async () => {
    const pids = [mesh.program("board-01").pid, mesh.program("board-02").pid];
    await done("agent", "rollout", "--to", "0.2.0", "--select", 'node.labels.line == "3"');
    await inState("completed");
    expect(await versions()).toEqual({
      "board-01": "0.2.0",
      "board-02": "0.2.0",
      "board-03": "0.1.0",
    });
    for (const pid of pids) expect(existsSync(`/proc/${pid}`)).toBe(true);
    expect((await status()).nodes.map((it) => it.state)).toEqual(["updated", "updated"]);
    const first = join(mesh.home, "nodes/board-01");
    expect(readFileSync(join(first, "update/boot"), "utf8")).toMatch(
      /current [0-9a-f]{64}\ntrial -/,
    );
  });

  it("starts the version again that a board was brought to", async () => {
    await mesh.program("board-01").kill("SIGKILL");
    await mesh.program("board-01").start();
    const { pid } = mesh.program("board-01");
    await mesh.until(async () => readlinkSync(`/proc/${pid}/exe`).includes("/update/"));
    expect((await versions())["board-01"]).toBe("0.2.0");
  });

  it("waits for the step that runs on a node, and goes on after a coordinator that was killed", async () => {
    const run = await mesh.run("slow");
    await mesh.until(async () => (await mesh.getRun(run)).steps[0]?.state === "running");
    await done("agent", "rollout", "--to", "0.2.0", "--canary", "0");
    expect((await status()).nodes.at(-1)).toMatchObject({ node: "board-03", state: "draining" });
    await mesh.program("coordinator").kill("SIGKILL");
    await mesh.program("coordinator").start();
    expect((await mesh.ended(run)).state).toBe("succeeded");
    await inState("completed");
    expect((await versions())["board-03"]).toBe("0.2.0");
  });

  it("takes back what hangs, stops there, and leaves the others alone", async () => {
    await plant("0.3.0", "#!/bin/sh\nexec sleep 600\n");
    await done("agent", "rollout", "--to", "0.3.0", "--confirm-within", "5s");
    const first = mesh.program("board-01");
    // It knows nothing of its alarm, so that it is its supervisor who starts the node again.
    for (let start = 0; start < 2; start++) {
      const { pid } = first;
      await mesh.until(async () => !existsSync(`/proc/${pid}`), 60_000);
      await first.start();
    }
    await inState("stopped");
    const { nodes, reason } = await status();
    expect(reason).toBe("1 of at most 1 failed");
    expect(nodes[0]).toMatchObject({
      node: "board-01",
      state: "failed",
      version: "0.2.0",
      code: "UPDATE_FAILED",
      reason: "0.3.0 ended before it was greeted by the coordinator",
    });
    expect(nodes.slice(1).map((it) => it.state)).toEqual(["waiting", "waiting"]);
    await done("agent", "rollout", "abort", "--reason", "it hangs");
  });

  it("refuses what is not signed with the key that is trusted", async () => {
    const other = join(mesh.home, "other.key");
    await done("agent", "keygen", "--out", other);
    const file = join(mesh.home, "cohort-agent-0.2.0");
    await done("agent", "sign", file, "--key", other);
    expect(await mesh.cohort("agent", "publish", file)).toMatchObject({
      exit: 4,
      stderr: expect.stringContaining("RELEASE_UNTRUSTED"),
    });
    writeFileSync(`${file}.release`, "nonsense");
    expect(await mesh.cohort("agent", "publish", file)).toMatchObject({
      exit: 4,
      stderr: expect.stringContaining("RELEASE_INVALID"),
    });
    expect(await mesh.cohort("agent", "rollout", "--to", "0.2.1")).toMatchObject({
      exit: 4,
      stderr: expect.stringContaining("RELEASE_UNKNOWN"),
    });
  });

  it("goes back to an earlier version only where it is told to", async () => {
    await plant("0.0.9", "#!/bin/sh\nexit 1\n");
    await done("agent", "rollout", "--to", "0.0.9", "--select", 'node.name == "board-02"');
    await inState("completed");
    expect((await status()).nodes).toMatchObject([
      { node: "board-02", state: "skipped", reason: "runs 0.2.0, which is later" },
    ]);
  });
});
