import { expect, test } from "vitest";
import { runProgram } from "./agent.ts";
import { runShell } from "./step.ts";

const place = (path: string, content: string) =>
  `step.place(${JSON.stringify(path)}, new TextEncoder().encode(${JSON.stringify(content)}));`;

test("files that are placed before a step begins are its own, in the folders that they name", async () => {
  const { out, exit } = await runShell(
    "cat in/deep/a in/b; echo more >> in/b; rm in/deep/a; stat -c %u:%s in/empty",
    {
      held: true,
      meanwhile: `${place("in/deep/a", "one ")}${place("in/deep/a", "two ")}${place("in/b", "three\n")}
        ${place("in/empty", "")} step.begin();`,
    },
  );
  expect(out).toBe("one two three\n1000:0\n");
  expect(exit.code).toBe(0);
});

test("large files are placed whole", async () => {
  const { out } = await runShell("wc -c < big; sha256sum big", {
    held: true,
    meanwhile: `
      const piece = new Uint8Array(100_000).fill(65);
      for (let count = 0; count < 30; count++) step.place("big", piece);
      step.begin();`,
  });
  expect(out).toMatch(/^3000000\n/);
});

test("what does not fit the step's disk, or leads out of its folder, ends the sandbox", async () => {
  const failing = (placing: string) => `
    try { ${placing} step.begin(); return ""; } catch (error) { return error.code; }`;
  const full = await runShell("true", {
    held: true,
    limits: { diskBytes: 65_536 },
    meanwhile: failing(`step.place("big", new Uint8Array(1_000_000));`),
  });
  expect(full.extra).toBe("ENOSPC");
  for (const path of ["../up", "a/../../up", "/etc/x", ".."]) {
    const { extra } = await runShell("true", { held: true, meanwhile: failing(place(path, "x")) });
    expect(extra).not.toBe("");
  }
});

test("a held step that is killed has not run, and one that runs is not held", async () => {
  const { result } = await runProgram<{ exit: string; code: string; out: string }>(`
    const spec = { argv: ["/bin/sh", "-c", "echo ran"], environment: { PATH: "/usr/bin:/bin" }, files: [],
      limits: { memoryBytes: 64e6, pids: 8, diskBytes: 1e6, openFiles: 64, cpuMs: 1000 },
      readOnly: ["/usr", "/bin", "/lib", "/lib64"], listenPort: 0, held: true };
    const step = host.sandbox.start(spec);
    step.kill(false);
    const output = await step.readOutput();
    const exit = await step.exited;
    let code = "";
    try { step.begin(); } catch (error) { code = error.code; }
    return { exit: exit.signal, code, out: output === null ? "" : "some" };
  `);
  expect(result).toEqual({ exit: "SIGKILL", code: "CLOSED", out: "" });
});
