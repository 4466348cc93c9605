import { spawn } from "node:child_process";
import { once } from "node:events";
import { statSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { agentCommand, runProgram, startProgram, temporaryFolder } from "./agent.ts";

const quote = JSON.stringify;

/** A program that goes on until it is killed; resolves when it has said a word. */
async function holding(source: string) {
  const child = startProgram(
    await agentCommand(),
    `${source}; host.writeOut("ready"); await new Promise(() => setTimeout(() => {}, 1e9));`,
  );
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout as NonNullable<typeof child.stdout>, "data");
  return child;
}

test("a lock is one process's at a time, and free when that is killed", async () => {
  const lock = quote(join(temporaryFolder(), "lock"));
  const holder = await holding(`if (!host.local.lock(${lock})) throw new Error("not locked")`);
  const tried = await runProgram(`return host.local.lock(${lock})`);
  expect(tried.result).toBe(false);
  holder.kill("SIGKILL");
  await once(holder, "exit");
  const free = await runProgram(`return host.local.lock(${lock})`);
  expect(free.result).toBe(true);
});

test("a lock is not held by a step that is started meanwhile", async () => {
  const lock = quote(join(temporaryFolder(), "lock"));
  const { result } = await runProgram<string>(`
    host.local.lock(${lock});
    const step = host.sandbox.start({ argv: ["/bin/sh", "-c", "ls -l /proc/self/fd"], files: [], listenPort: 0,
      environment: { PATH: "/usr/bin:/bin" }, readOnly: ["/usr", "/bin", "/lib", "/lib64"], held: false,
      limits: { memoryBytes: 64e6, pids: 8, diskBytes: 1e6, openFiles: 64, cpuMs: 9000 } });
    let out = "";
    for (let part = await step.readOutput(); part; part = await step.readOutput()) out += new TextDecoder().decode(part.bytes);
    return out;
  `);
  expect(result).not.toContain("lock");
});

test("a socket is for its user alone, replaces one that was left, and lies as deep as it likes", async () => {
  const folder = join(temporaryFolder(), "x".repeat(100));
  const path = join(folder, "agent.sock");
  const serve = `
    host.files.makeDirectory(${quote(folder)}, 0o700);
    const listener = host.local.listen(${quote(path)});
    (async () => {
      for (let socket = await listener.accept(); socket; socket = await listener.accept()) {
        await socket.write(new TextEncoder().encode("hello"));
        socket.close();
      }
    })()`;
  const ask = `
    const socket = host.local.connect(${quote(path)});
    const text = new TextDecoder().decode(await socket.read());
    return [text, await socket.read()]`;
  const first = await holding(serve);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect((await runProgram(ask)).result).toEqual(["hello", null]);
  first.kill("SIGKILL");
  await once(first, "exit");
  expect((await runProgram(ask)).result.thrown.code).toBe("ECONNREFUSED");
  await holding(serve);
  expect((await runProgram(ask)).result).toEqual(["hello", null]);
});

test("a closed listener accepts nothing more, and one that waits is told", async () => {
  const path = quote(join(temporaryFolder(), "s"));
  const { result } = await runProgram(`
    const listener = host.local.listen(${path});
    const waiting = listener.accept();
    listener.close();
    listener.close();
    return [await waiting, await listener.accept()];
  `);
  expect(result).toEqual([null, null]);
});

test("a socket that cannot be made says why", async () => {
  const { result } = await runProgram(`return host.local.listen("/nowhere/s")`);
  expect(result.thrown.code).toBe("ENOENT");
  const absent = await runProgram(`return host.local.connect("/nowhere/s")`);
  expect(absent.result.thrown.code).toBe("ENOENT");
});

test.each(["path", "abstract name"])("a notification reaches who listens at a %s", async (kind) => {
  const folder = temporaryFolder();
  const name = kind === "path" ? join(folder, "notify") : `@cohort-test-${process.pid}`;
  const receiver = spawn("python3", [
    "-c",
    `import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace("@", "\\0"))
print("bound", flush=True)
print(s.recv(4096).decode(), flush=True)`,
    name,
  ]);
  onTestFinished(() => void receiver.kill());
  await once(receiver.stdout, "data");
  let heard = "";
  receiver.stdout.on("data", (data) => {
    heard += data;
  });
  const { result } = await runProgram(`return host.local.notify("READY=1\\nSTATUS=well")`, {
    NOTIFY_SOCKET: name,
  });
  expect(result).toBe(true);
  await once(receiver, "close");
  expect(heard.trim()).toBe("READY=1\nSTATUS=well");
});

test("a notification that nobody hears is no error", async () => {
  const unset = await runProgram(`return host.local.notify("READY=1")`, { NOTIFY_SOCKET: "" });
  expect(unset.result).toBe(false);
  const gone = await runProgram(`return host.local.notify("READY=1")`, {
    NOTIFY_SOCKET: "/nowhere/notify",
  });
  expect(gone.result).toBe(false);
});

test("a file is inspected without being opened", async () => {
  const folder = temporaryFolder();
  const { result } = await runProgram(
    `return [host.files.inspect(${quote(folder)}), host.files.inspect("/nowhere"), host.info.user]`,
  );
  expect(result).toEqual([{ user: process.getuid?.(), mode: 0o755 }, null, process.getuid?.()]);
});
