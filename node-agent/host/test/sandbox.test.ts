import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { SandboxProbe } from "../../src/host.ts";
import { agentCommand, runProgram, startProgram } from "./agent.ts";
import { runShell, runStep } from "./step.ts";

test("a step's output, exit code, environment and files are its own", async () => {
  const step = await runShell('cat in.txt; echo "$GREETING" >&2; pwd; exit 7', {
    files: { "in.txt": "input\n" },
    environment: { GREETING: "hello" },
  });
  expect(step).toMatchObject({
    out: "input\n/work\n",
    error: "hello\n",
    exit: { code: 7, signal: "", killed: "" },
  });
});

test("a signal that ends a step is named", async () => {
  const { exit } = await runShell("kill -SEGV $$");
  expect(exit).toMatchObject({ code: -1, signal: "SIGSEGV" });
});

test("SIGTERM reaches the first process, which may handle it", async () => {
  const step = await runShell(
    "trap 'echo caught; exit 5' TERM; echo ready; while :; do sleep 0.05; done",
    {
      meanwhile: "setTimeout(() => step.kill(false), 300);",
    },
  );
  expect(step).toMatchObject({ out: "ready\ncaught\n", exit: { code: 5 } });
});

test("a hard kill ends every process of a step", async () => {
  const { exit } = await runShell("trap '' TERM; sleep 100 & sleep 100", {
    meanwhile: "setTimeout(() => step.kill(true), 200);",
  });
  expect(exit).toMatchObject({ code: -1, signal: "SIGKILL" });
});

test("a program that does not exist throws when the step is started", async () => {
  const step = await runStep({ argv: ["/usr/bin/no-such-program"] });
  expect(step.thrown).toMatchObject({ code: "ENOENT" });
});

test("a file name that leaves the workspace is refused", async () => {
  const step = await runStep({ argv: ["/bin/true"], files: { "../x": "" } });
  expect(step.thrown).toMatchObject({ code: "EINVAL" });
});

test("a daemon does not outlive its step", async () => {
  const marker = `100${process.pid}`;
  const step = await runShell(`setsid sleep ${marker} >/dev/null 2>&1 & sleep 0.1; echo done`);
  expect(step).toMatchObject({ out: "done\n", exit: { code: 0 } });
  expect(processesWith(marker)).toEqual([]);
});

test("killing the agent outright kills its steps", async () => {
  const marker = `200${process.pid}`;
  const agent = startProgram(
    await agentCommand(),
    `const step = host.sandbox.start({ argv: ["/bin/sh", "-c", "sleep ${marker} & sleep ${marker}"],
       environment: { PATH: "/usr/bin:/bin" }, files: [], listenPort: 0,
       limits: { memoryBytes: 64e6, pids: 16, diskBytes: 1e6, openFiles: 64, cpuMs: 1000 },
       readOnly: ["/usr", "/bin", "/lib", "/lib64"] });
     host.writeOut("started");
     await step.exited;`,
  );
  await new Promise((done) => agent.stdout?.once("data", done));
  await until(() => processesWith(marker).length >= 2);
  agent.kill("SIGKILL");
  await until(() => processesWith(marker).length === 0);
});

test("a program inside reaches the agent through the listener, and nothing else", async () => {
  const script =
    "exec 3<>/dev/tcp/127.0.0.1/8080; echo ping >&3; cat <&3; " +
    "(exec 4<>/dev/tcp/127.0.0.1/8081) 2>/dev/null || echo closed";
  const { out, extra } = await runStep({
    argv: ["/bin/bash", "-c", script],
    listenPort: 8080,
    meanwhile: `
      const socket = await step.accept();
      const request = text.decode(await socket.read());
      await socket.write(new TextEncoder().encode("pong\\n"));
      socket.close();
      return { request, next: await step.accept() };`,
  });
  expect(extra).toEqual({ request: "ping\n", next: null });
  expect(out).toBe("pong\nclosed\n");
});

test("more output than a pipe holds arrives whole", async () => {
  const { out } = await runShell("head -c 3000000 /dev/zero | tr '\\0' x");
  expect(out.length).toBe(3_000_000);
});

test("the probe names every mechanism", async () => {
  const { result } = await runProgram<SandboxProbe>("return host.sandbox.probe()");
  expect(["strict", "standard"]).toContain(result.level);
  const names = result.features.map((feature) => feature.name);
  expect(names).toEqual(["namespaces", "mounts", "processes", "seccomp", "landlock", "cgroup"]);
});

function processesWith(marker: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return (
        /^\d+$/.test(pid) &&
        readFileSync(join("/proc", pid, "cmdline"), "utf8").includes(`sleep\0${marker}`)
      );
    } catch {
      return false;
    }
  });
}

async function until(condition: () => boolean): Promise<void> {
  for (let left = 100; !condition(); left--) {
    if (left === 0) throw new Error("it never came true");
    await new Promise((done) => setTimeout(done, 50));
  }
}
