import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { buildFixture } from "../../../node-agent/host/test/fixture.ts";
import { attackOutcomes, refusals } from "../../../node-agent/host/test/refusals.ts";
import type { TestMesh } from "../../kit/mesh.ts";
import { applySteps, stepRunOf } from "../../kit/step-runs.ts";
import type { Board } from "./board.ts";
import { type Entry, file } from "./cpio.ts";
import type { BoardArch } from "./processors.mjs";

/** What steps find in `/usr/lib`, to try what they may not. */
export async function attackOf(arch: BoardArch): Promise<Entry> {
  const folder = mkdtempSync(join(tmpdir(), "cohort-attack-"));
  try {
    await buildFixture("attack", arch, join(folder, "attack"));
    return file("usr/lib/attack", readFileSync(join(folder, "attack")), 0o755);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export interface OnBoard {
  readonly mesh: TestMesh;
  readonly board: Board;
}

/** Steps on an emulated processor start slowly, and wait for one another. */
const stepsMsMax = 120_000;

/** That every wall and every limit of `strict` holds, on a kernel with cgroups and Landlock. */
export function proveIsolation(on: () => OnBoard): void {
  it("ends steps at each limit of `strict`, and names it", async () => {
    const { mesh } = on();
    const steps = `
  - id: memory
    limits: { memory: 8MiB }
    run: "for i in 1 2 3; do tail /dev/zero & done; wait"
  - { id: files, limits: { memory: 8MiB, disk: 32MiB }, run: "cat /dev/zero >/tmp/big" }
  - { id: cpu, limits: { cpu: 3s }, run: "while :; do :; done" }
  - { id: disk, limits: { disk: 1MiB }, run: "cat /dev/zero >big" }
  - { id: inodes, limits: { disk: 128KiB }, run: "i=0; while : >f$i; do i=$((i+1)); done" }
  - { id: pids, limits: { pids: 8 }, run: "i=0; while [ $i -lt 20 ]; do sleep 60 & i=$((i+1)); done" }
  - { id: timeout, timeout: 5s, run: "(setsid sleep 7771 &); trap '' TERM; sleep 7772; sleep 7773" }
`;
    const id = await mesh.run(await applySteps(mesh, steps));
    const { instance } = stepRunOf(mesh, await mesh.ended(id, stepsMsMax));
    const killed = (step: string) => instance(step).killed;
    expect(["memory", "files"].map(killed)).toEqual(["memory", "memory"]);
    expect(["disk", "inodes"].map(killed)).toEqual(["disk", "disk"]);
    expect(["cpu", "pids", "timeout"].map(killed)).toEqual(["cpu", "pids", "timeout"]);
    expect(instance("cpu").usage?.cpuMs).toBeGreaterThanOrEqual(3000);
    const peak = instance("memory").usage?.memoryPeakBytes ?? 0;
    expect(peak).toBeGreaterThan(7 * 1024 ** 2);
    expect(peak).toBeLessThanOrEqual(8 * 1024 ** 2);
  });

  it("refuses a step every call by which one gets out", async () => {
    const { mesh } = on();
    const steps = `
  - { id: attack, requires: { isolation: strict }, command: [/usr/lib/attack] }
`;
    const id = await mesh.run(await applySteps(mesh, steps));
    const { instance, log } = stepRunOf(mesh, await mesh.ended(id, stepsMsMax));
    expect(instance("attack")).toMatchObject({ state: "succeeded" });
    const outcomes = attackOutcomes(await log("attack"));
    expect(Object.keys(outcomes).sort()).toEqual(Object.keys(refusals).sort());
    for (const [name, allowed] of Object.entries(refusals)) {
      expect(allowed, name).toContain(outcomes[name]);
    }
  });

  it("isolates as strictly for an ordinary user, who was given a cgroup", async () => {
    const { board } = on();
    const enter = "echo $$ >/sys/fs/cgroup/ordinary/cgroup.procs";
    // The tool that changes the user knows users by these files alone.
    const user =
      "echo ordinary:x:65534:65534::/:/bin/sh >/etc/passwd; echo ordinary:x:65534: >/etc/group";
    const doctor =
      "exec start-stop-daemon -S -p /tmp/ordinary.pid -c ordinary:ordinary -x /bin/cohort-agent -- doctor --data /tmp/none";
    const { output } = await board.run(
      `${user}; chown -R 65534 /sys/fs/cgroup/ordinary; sh -c '${enter}; ${doctor}'`,
    );
    expect(output).toContain("ok      isolation: strict\n");
    expect(output).toMatch(/^ok {6}sandbox: a step ran in one/m);
  });

  it("leaves nothing of any of them behind", async () => {
    const { board } = on();
    expect(await board.sh("find /sys/fs/cgroup -name 'step-*'")).toBe("");
    expect(await board.sh("grep -las 'sleep.777[123]' /proc/[0-9]*/cmdline || true")).toBe("");
  });
}
