import { join } from "node:path";
import { repository } from "@cohort/deploy/setup/paths.mjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildAgent } from "../../../node-agent/toolchain/build.mjs";
import type { CliResult } from "../../kit/cli.ts";
import { readLedger } from "../../kit/history.ts";
import { TestMesh } from "../../kit/mesh.ts";
import { applySteps, runSteps, stepRunOf } from "../../kit/step-runs.ts";
import { Board, hostAddress } from "./board.ts";
import { agentMemory, boardIs, connectMsMax, joinBoard, startAgent } from "./board-agent.ts";
import type { BoardArch } from "./processors.mjs";
import { attackOf, proveIsolation } from "./prove-isolation.ts";

/** A boot and everything before it, while other tests keep the machine busy. */
export const bootMsMax = 300_000;
const testMsMax = 180_000;
/** The agent's own limit, connected over TLS; the design gives it 6 MB. */
const residentBytesMax = 6e6;
const newerVersion = "0.2.0";

/** What the agent must be able to do on a small board with a kernel of Debian's. */
export function proveBoard(arch: BoardArch): void {
  describe(`a board of ${arch} with 128 MB`, { timeout: testMsMax }, () => {
    let mesh: TestMesh;
    let board: Board;
    /** The agent's binary once more, as a later version. */
    let newer: string;

    beforeAll(async () => {
      newer = (await buildAgent({ arch, version: newerVersion, outFile: newerPath(arch) })).file;
      mesh = await TestMesh.start({ hosts: [hostAddress] });
      await mesh.startFactory();
      board = await Board.start({ arch, name: "board-01", files: [await attackOf(arch)] });
      await joinBoard(mesh, board);
    }, bootMsMax);

    afterAll(async () => {
      await board?.stop();
      await mesh?.stop();
    });

    it("isolates steps as strictly as the kernel can, and says so", async () => {
      const { output, run } = await runSteps(
        mesh,
        `
  - id: shell
    requires: { isolation: strict, arch: ${arch} }
    run: |
      field() { sed -n "s/^$1:[[:space:]]*//p" /proc/self/status; }
      echo "{\\"machine\\": \\"$(uname -m)\\", \\"filter\\": $(field Seccomp)," >"$COHORT_OUTPUT"
      echo "\\"bounds\\": \\"$(field CapBnd)\\", \\"cgroup\\": \\"$(cat /proc/self/cgroup)\\"}" >>"$COHORT_OUTPUT"
  - id: script
    requires: { isolation: strict }
    depends: [shell]
    script: "export default async ({ sleep }) => { await sleep(1); return { sum: 19 + 23 }; }"
`,
      );
      expect(run.reason).toBe("");
      expect(output("shell")).toEqual({
        machine: arch === "arm64" ? "aarch64" : arch,
        filter: 2,
        bounds: "0000000000000000",
        cgroup: "0::/",
      });
      expect(output("script")).toEqual({ sum: 42 });
    });

    it("lets a step call a granted service through the proxy, without a key", async () => {
      const { output, run } = await runSteps(
        mesh,
        `
  - id: report
    requires: { isolation: strict }
    grants: { services: [maintenance] }
    script: |
      export default async ({ fetch }) => {
        const body = { title: "heat" };
        const filed = await fetch("maintenance:/tickets", { method: "POST", body });
        return { status: filed.status, ticket: await filed.json() };
      };
`,
      );
      expect(run.reason).toBe("");
      expect(output("report")).toMatchObject({ status: 201 });
    });

    proveIsolation(() => ({ mesh, board }));

    it("goes on with its step while the network is cut, and tells its result when it is back", async () => {
      const steps = '  - { id: measure, run: "sleep 4; echo 7 >$COHORT_OUTPUT" }';
      const run = await mesh.run(await applySteps(mesh, steps));
      await stepRuns(mesh, run);
      await board.setNetwork(false);
      await boardIs(mesh, board, "disconnected");
      expect((await mesh.getRun(run)).endedMs).toBe(0);
      await board.setNetwork(true);
      const { instance, output } = stepRunOf(mesh, await mesh.ended(run, connectMsMax));
      expect(instance("measure")).toMatchObject({ state: "succeeded", attempt: 1 });
      expect(output("measure")).toBe(7);
    });

    it(
      "runs a step again that a power cut ended, as the same node",
      async () => {
        const steps = `
  - { id: before, run: "echo 1 >$COHORT_OUTPUT" }
  - { id: cut, depends: [before], run: "[ $COHORT_ATTEMPT -gt 1 ] || sleep 1000" }`;
        const run = await mesh.run(await applySteps(mesh, steps));
        await stepRuns(mesh, run);
        await board.powerOff();
        await board.powerOn();
        await startAgent(mesh, board);
        const { instance } = stepRunOf(mesh, await mesh.ended(run, connectMsMax));
        expect(instance("before")).toMatchObject({ state: "succeeded", attempt: 1 });
        expect(instance("cut")).toMatchObject({ state: "succeeded", attempt: 2, node: board.name });
        const ends = (await readLedger(mesh)).flatMap(({ event }) =>
          event.$case === "attemptEnded" && event.value.attempt?.run === run
            ? [`${event.value.attempt.step} ${event.value.result?.code}`]
            : [],
        );
        expect(ends).toEqual(["before ", "cut NODE_INTERRUPTED", "cut "]);
      },
      bootMsMax,
    );

    it(
      "updates itself, and is the new version after a power cut too",
      async () => {
        const key = join(mesh.home, "release.key");
        const { stdout } = await agentCommand(mesh, "keygen", "--out", key);
        await agentCommand(mesh, "trust", stdout.trim());
        await agentCommand(mesh, "sign", newer, "--key", key);
        await agentCommand(mesh, "publish", newer);
        expect(await versionOf(mesh, board)).not.toBe(newerVersion);
        await agentCommand(mesh, "rollout", "--to", newerVersion);
        await mesh.until(async () => {
          const { stdout } = await agentCommand(mesh, "rollout", "status", "-o", "json");
          return JSON.parse(stdout).state === "completed";
        }, connectMsMax);
        expect(await versionOf(mesh, board)).toBe(newerVersion);
        await board.powerOff();
        await board.powerOn();
        await startAgent(mesh, board);
        expect(await versionOf(mesh, board)).toBe(newerVersion);
      },
      bootMsMax,
    );

    it("gives the agent no more memory than a small board can spare", async () => {
      const { resident } = await agentMemory(board);
      process.stderr.write(`${arch}: ${(resident / 1e6).toFixed(2)} MB resident, connected\n`);
      expect(resident).toBeLessThan(residentBytesMax);
    });
  });
}

/** That a board with less memory than any that is sold still serves; a boot of its own. */
export function proveSmallBoard(arch: BoardArch, memoryMb: number): void {
  describe(`a board of ${arch} with ${memoryMb} MB`, () => {
    it(
      "boots, joins, and runs steps in strict isolation",
      async () => {
        const mesh = await TestMesh.start({ hosts: [hostAddress] });
        let board: Board | undefined;
        try {
          board = await Board.start({ arch, memoryMb, name: "board-02" });
          await joinBoard(mesh, board);
          const { output, run } = await runSteps(
            mesh,
            `
  - { id: shell, requires: { isolation: strict }, run: "echo 1 >$COHORT_OUTPUT" }
  - { id: script, requires: { isolation: strict }, script: "export default () => 2" }
`,
          );
          expect(run.reason).toBe("");
          expect([output("shell"), output("script")]).toEqual([1, 2]);
        } finally {
          await board?.stop();
          await mesh.stop();
        }
      },
      bootMsMax,
    );
  });
}

function newerPath(arch: BoardArch): string {
  return join(repository, ".cohort/build/test", arch, `cohort-agent-${newerVersion}`);
}

/** `cohort agent ...`, which must succeed. */
async function agentCommand(mesh: TestMesh, ...argv: readonly string[]): Promise<CliResult> {
  const result = await mesh.cohort("agent", ...argv);
  expect(result).toMatchObject({ exit: 0 });
  return result;
}

async function versionOf(mesh: TestMesh, board: Board): Promise<string> {
  const { nodes } = mesh.client;
  const reply = await mesh.client.call(nodes, nodes.list, {});
  return reply.nodes.find((it) => it.node === board.name)?.facts?.version ?? "";
}

/** Resolves when the run's last step has begun on its node. */
function stepRuns(mesh: TestMesh, run: string): Promise<void> {
  return mesh.until(async () => {
    const { steps } = await mesh.getRun(run);
    return steps.at(-1)?.instances[0]?.state === "running";
  });
}
