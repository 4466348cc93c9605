import { expect, test } from "vitest";
import { agentUsers, runShell, runStep } from "./step.ts";

test("a step that takes too much memory at once or slowly is killed for it", async () => {
  const slowly = await runStep({
    argv: [
      "/usr/bin/python3",
      "-c",
      "import time\na=[]\nwhile 1: a.append(bytearray(1<<20)); time.sleep(0.01)",
    ],
    limits: { memoryBytes: 40e6 },
  });
  expect(slowly.exit).toMatchObject({ killed: "memory" });
  expect(slowly.exit.memoryPeakBytes).toBeGreaterThan(39e6);
  const atOnce = await runStep({
    argv: ["/usr/bin/python3", "-c", "a=[]\nwhile 1: a.append(bytearray(1<<20))"],
    limits: { memoryBytes: 40e6 },
  });
  expect(atOnce.exit).toMatchObject({ killed: "memory" });
  expect(atOnce.exit.memoryPeakBytes).toBeLessThan(80e6);
});

test("many processes together count as one step", async () => {
  const { exit } = await runShell(
    "for i in 1 2 3 4 5 6; do python3 -c 'import time; a = bytearray(12 << 20); time.sleep(5)' & done; wait",
    { limits: { memoryBytes: 48e6 } },
  );
  expect(exit).toMatchObject({ killed: "memory", signal: "SIGKILL" });
});

test("a fork bomb stops at the limit and ends with its step", async () => {
  const { out, exit } = await runShell(
    "i=0; while [ $i -lt 100 ]; do sleep 5 & i=$((i+1)); done 2>/dev/null; echo unreachable",
    { limits: { pids: 20 } },
  );
  // dash gives up when it cannot fork.
  expect(out).toBe("");
  expect(exit.code).not.toBe(0);
  expect(exit.killed).toBe("pids");
  const bomb = await runStep({
    argv: ["/bin/bash", "-c", "f() { f | f & }; f; sleep 1; echo end"],
    limits: { pids: 30 },
  });
  expect(bomb.exit.signal === "" || bomb.exit.signal === "SIGKILL").toBe(true);
});

test("a full disk is an error inside, for bytes and for files", async () => {
  const { out, error } = await runShell(
    "head -c 20000000 /dev/zero > big; wc -c < big; rm big; i=0; while : > f$i; do i=$((i+1)); done; echo stopped $i",
    { limits: { diskBytes: 4_000_000 } },
  );
  expect(error).toContain("No space left");
  // In whole pages.
  expect(Number(out.split("\n")[0])).toBeLessThan(4_000_000 + 4096);
});

test("/work and /tmp share one limit", async () => {
  const { error } = await runShell(
    "head -c 1500000 /dev/zero > /work/a && head -c 1500000 /dev/zero > /tmp/b",
    { limits: { diskBytes: 2_000_000 } },
  );
  expect(error).toContain("No space left");
});

test("a step that computes for too long is killed for it, with its children counted", async () => {
  const { exit } = await runShell("(while :; do :; done) & wait", { limits: { cpuMs: 300 } });
  expect(exit).toMatchObject({ killed: "cpu", code: -1, signal: "SIGKILL" });
  expect(exit.cpuMs).toBeGreaterThanOrEqual(300);
});

test("open files are limited", async () => {
  const { out } = await runShell("ulimit -n; ulimit -c; ulimit -l", { limits: { openFiles: 77 } });
  expect(out).toBe("77\n0\n0\n");
});

test.each(agentUsers)("a limit that a step met when it failed is told, of %s", async (_, user) => {
  const bytes = await runShell("cat /dev/zero > big", { limits: { diskBytes: 1e6 }, user });
  expect(bytes.exit).toMatchObject({ code: 1, killed: "disk" });
  const inodes = await runShell("i=0; while : > f$i; do i=$((i+1)); done", {
    limits: { diskBytes: 1e6 },
    user,
  });
  expect(inodes.exit.killed).toBe("disk");
  const sparse = await runShell("exec truncate -s 2M big", { limits: { diskBytes: 1e6 }, user });
  expect(sparse.exit).toMatchObject({ signal: "SIGXFSZ", killed: "disk" });
  const memory = await runShell("exec tail /dev/zero", { limits: { memoryBytes: 30e6 }, user });
  expect(memory.exit.killed).toBe("memory");
});

test("a step that makes do with what it is refused has not failed for it", async () => {
  const { exit } = await runShell("cat /dev/zero > big 2>/dev/null; rm big; exit 0", {
    limits: { diskBytes: 1e6 },
  });
  expect(exit).toMatchObject({ code: 0, killed: "" });
});

test("what lies in /work and /tmp counts as memory", async () => {
  const { exit } = await runShell("head -c 30000000 /dev/zero > /tmp/big; sleep 5", {
    limits: { memoryBytes: 20e6, diskBytes: 40e6 },
  });
  expect(exit).toMatchObject({ killed: "memory", signal: "SIGKILL" });
});

/** Some tenths of a second of a processor, however long they take. */
const burn = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";

test("a step that is killed has used what all of its processes used", async () => {
  const { exit } = await runShell(
    `(setsid sh -c '${burn}; echo burnt; sleep 100' &) ; ${burn}; echo burnt; sleep 100`,
    {
      meanwhile: `
        do await new Promise((done) => setTimeout(done, 20));
        while (streams[1] !== "burnt\\nburnt\\n");
        step.kill(true);`,
    },
  );
  expect(exit).toMatchObject({ code: -1, signal: "SIGKILL", killed: "" });
  expect(exit.cpuMs).toBeGreaterThan(100);
  expect(exit.memoryPeakBytes).toBeGreaterThan(100_000);
});

test("what burns time in the background of a step that ends well is counted with it", async () => {
  const { exit } = await runShell(
    `mkfifo p; (setsid sh -c '${burn}; echo > p; sleep 100' &) ; cat p`,
  );
  expect(exit).toMatchObject({ code: 0 });
  expect(exit.cpuMs).toBeGreaterThan(50);
});

test("a sandbox that stopped obeying is killed by the second word", async () => {
  const { exit } = await runShell("sleep 100", {
    meanwhile: "setTimeout(() => { step.kill(true); step.kill(true); }, 100);",
  });
  expect(exit).toMatchObject({ code: -1, signal: "SIGKILL" });
});
