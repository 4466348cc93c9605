import { chmodSync, copyFileSync, readlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { fixture, temporaryFolder } from "./agent.ts";
import { attackOutcomes, refusals } from "./refusals.ts";
import { agentUsers, runShell, runStep } from "./step.ts";

test.each(agentUsers)("every forbidden call is refused, of %s", async (_, user) => {
  const attack = await fixture("attack");
  const { out, exit } = await runStep({ argv: [attack], readOnly: [dirname(attack)], user });
  const outcomes = attackOutcomes(out);
  expect(exit.code).toBe(0);
  expect(Object.keys(outcomes).sort()).toEqual(Object.keys(refusals).sort());
  for (const [name, allowed] of Object.entries(refusals)) {
    expect(allowed, name).toContain(outcomes[name]);
  }
});

test.each(["x32", "32_bit"])("a call by %s numbers kills the process", async (name) => {
  const attack = await fixture("attack");
  const { exit } = await runStep({ argv: [attack, name], readOnly: [dirname(attack)] });
  expect(exit).toMatchObject({ code: -1, signal: "SIGSYS" });
});

test("the host's files are not there", async () => {
  const { out } = await runShell(
    "for f in /etc /root /home /var /sys /boot /run; do [ -e $f ] && echo $f; done; true",
  );
  expect(out).toBe("");
});

test("nothing outside the workspace can be written", async () => {
  const { out } = await runShell(
    "for d in / /usr /usr/bin /dev /proc /.cohort; do (echo x > $d/x) 2>/dev/null && echo $d; done; " +
      "(echo x > /.cohort/agent) 2>/dev/null && echo agent; echo x > /work/x && echo x > /tmp/x && echo fine",
  );
  expect(out).toBe("fine\n");
});

test("a step's input is empty, whatever the agent's is", async () => {
  const { out } = await runShell("cat; readlink /proc/self/fd/0");
  expect(out).toBe("/dev/null\n");
});

test("the step's cgroup is the root of all that it can see, and none of it can be changed", async () => {
  const { out } = await runShell(
    "grep ^0:: /proc/self/cgroup; ls -A /sys 2>/dev/null; " +
      "(echo 0 > /proc/self/oom_score_adj) 2>/dev/null && echo spared; cat /proc/self/oom_score_adj",
  );
  expect(out).toBe("0::/\n1000\n");
});

test("a step has no capability, may gain none, and every one of its namespaces is its own", async () => {
  const kinds = ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"];
  const { out } = await runShell(
    `cd /proc/self; grep -E '^(Cap|NoNewPrivs|Seccomp:)' status; for ns in ${kinds.join(" ")}; do readlink ns/$ns; done; hostname; cat uid_map`,
  );
  const fields = new Map(out.split("\n").map((line) => line.split(":\t") as [string, string]));
  for (const set of ["Inh", "Prm", "Eff", "Bnd", "Amb"]) {
    expect(fields.get(`Cap${set}`), set).toBe("0000000000000000");
  }
  expect([fields.get("NoNewPrivs"), fields.get("Seccomp")]).toEqual(["1", "2"]);
  for (const kind of kinds) {
    const own = new RegExp(`^${kind}:\\[\\d+\\]$`, "m").exec(out)?.[0];
    expect(own, kind).toBeDefined();
    expect(own).not.toBe(readlinkSync(`/proc/self/ns/${kind}`));
  }
  expect(out).toMatch(/^sandbox$/m);
  expect(out).toMatch(/^ +1000 +\d+ +1$/m);
});

test("every mount is read-only or sized, and none honours set-user-id bits or devices", async () => {
  const { out } = await runShell("cat /proc/self/mountinfo");
  const mounts = out
    .trim()
    .split("\n")
    .map((line) => line.split(" "))
    .map((fields) => ({ at: fields[4] as string, options: fields[5]?.split(",") ?? [] }));
  const writable = mounts.filter(({ options }) => options.includes("rw")).map(({ at }) => at);
  const devices = mounts.filter(({ options }) => !options.includes("nodev")).map(({ at }) => at);
  const nodes = ["null", "zero", "full", "random", "urandom"].map((name) => `/dev/${name}`).sort();
  expect(writable.sort()).toEqual([...nodes, "/tmp", "/work"].sort());
  expect(devices.sort()).toEqual(nodes);
  expect(mounts.filter(({ options }) => !options.includes("nosuid"))).toEqual([]);
  const runnable = mounts.filter(({ options }) => !options.includes("noexec")).map(({ at }) => at);
  expect(runnable).not.toContain("/tmp");
});

test("nothing is inherited but the three standard streams", async () => {
  const { out } = await runShell("exec ls -l /proc/self/fd");
  // The listing itself holds one more, for the folder.
  expect(out.match(/ -> /g)?.length).toBe(4);
});

test("other processes of the machine, and init's own entry, are not to be seen", async () => {
  const { out } = await runShell(
    "ls /proc | grep -E '^[0-9]+$'; ls /proc/1 2>&1; ls /proc/sys 2>&1",
  );
  const pids = out.split("\n").filter((line) => /^\d+$/.test(line));
  expect(pids.length).toBeLessThan(6);
  expect(pids).not.toContain("1");
  expect(out).toContain("/proc/1': No such file");
  expect(out).toContain("/proc/sys': No such file");
});

test("a set-user-id program gains nothing", async () => {
  const folder = temporaryFolder();
  copyFileSync("/usr/bin/id", join(folder, "id"));
  chmodSync(join(folder, "id"), 0o6755);
  const { out } = await runShell(`${folder}/id -u; ${folder}/id -g`, { readOnly: [folder] });
  expect(out).toBe("1000\n1000\n");
});

test("a folder that only its owner may read stays closed", async (context) => {
  if (process.getuid?.() !== 0) context.skip("an ordinary agent and its steps are one user");
  const folder = temporaryFolder();
  writeFileSync(join(folder, "secret"), "x");
  chmodSync(folder, 0o700);
  const { error } = await runShell(`cat ${folder}/secret`, { readOnly: [folder] });
  expect(error).toContain("Permission denied");
});

test("an abstract socket of the machine cannot be reached", async () => {
  const { createServer } = await import("node:net");
  const name = `cohort-test-${process.pid}`;
  const server = createServer().listen(`\0${name}`);
  try {
    const { out } = await runStep({
      argv: [
        "/usr/bin/python3",
        "-c",
        `
import socket
s = socket.socket(socket.AF_UNIX)
try: s.connect("\\0${name}"); print("connected")
except OSError as e: print("refused")
`,
      ],
    });
    expect(out).toBe("refused\n");
  } finally {
    server.close();
  }
});

test("scripts in /work run and programs in /tmp do not", async () => {
  const { out } = await runShell(
    "cp /bin/true /work/true && ./true && echo work; cp /bin/true /tmp/true && /tmp/true 2>/dev/null || echo refused",
  );
  expect(out).toBe("work\nrefused\n");
});
