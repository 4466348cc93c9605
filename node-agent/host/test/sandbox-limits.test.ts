import { expect, test } from "vitest";
import { runShell, runStep } from "./step.ts";

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
  expect(Number(out.split("\n")[0])).toBeLessThanOrEqual(4_000_000);
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
