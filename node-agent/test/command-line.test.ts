import { describe, expect, it } from "vitest";
import { createNodeHost } from "../node/host.ts";
import { pretendedSandbox } from "../node/sandbox.ts";
import { runCommandLine } from "../src/command-line.ts";
import type { SandboxProbe } from "../src/host.ts";
import { MemoryDisk } from "./kit/memory-files.ts";

async function run(
  argv: readonly string[],
  probe: SandboxProbe = { level: "strict", features: [] },
  input = "",
) {
  let out = "";
  let error = "";
  const host = await createNodeHost({
    sandbox: pretendedSandbox(async () => {}, probe),
    info: { argv },
    environment: {},
  });
  const status = await runCommandLine({
    ...host,
    files: new MemoryDisk(),
    readInput: (bytesMax) => new TextEncoder().encode(input).subarray(0, bytesMax),
    writeOut: (text) => {
      out += text;
    },
    writeError: (text) => {
      error += text;
    },
  });
  return { status, out, error };
}

describe("the agent's command line", () => {
  it.each([
    [[], "a command is missing"],
    [["serve"], '"serve" is no command'],
    [["run"], "--data DIR is needed"],
    [["run", "--data"], "--data needs a value"],
    [["run", "--data", ""], "--data DIR is needed"],
    [["run", "--data", "d", "x"], '"x" is not expected'],
    [["run", "--data", "d", "--slots", "0"], "--slots must be 1 to 256"],
    [["run", "--data", "d", "--slots", "1e1"], "--slots must be 1 to 256"],
    [["run", "--data", "d", "--force", "x"], '"--force" is no option here'],
    [["join", "--data", "d"], "a join token is needed"],
    [["join", "token", "--data", "d"], "a join token is given on standard input"],
    [["join", "-", "-", "--data", "d"], "a join token is given on standard input"],
  ])("ends with 2 and says why for %j", async (argv, message) => {
    const { status, out, error } = await run(argv);
    expect({ status, out }).toEqual({ status: 2, out: "" });
    expect(error).toContain(`USAGE ${message}`);
    expect(error).toContain("Usage:");
  });

  it("ends with 4 for a token that is none, and with 1 for a machine that has not joined", async () => {
    expect(await run(["join", "-", "--data", "d"], undefined, "x\n")).toMatchObject({ status: 4 });
    const { status, error } = await run(["run", "--data", "d"]);
    expect(status).toBe(1);
    expect(error).toMatch(
      /^SETUP_FAILED d holds no enrolled node\n {2}Run the line that `cohort node invite` prints/,
    );
  });

  it("shows what isolates steps, and ends with 4 when that is not enough", async () => {
    const features = [
      { name: "seccomp", available: true, reason: "" },
      { name: "cgroup", available: false, reason: "ENOENT" },
    ];
    const table = "  yes  seccomp\n  no   cgroup  ENOENT\n";
    expect(await run(["probe"], { level: "standard", features })).toEqual({
      status: 0,
      out: `isolation: standard\n${table}`,
      error: "",
    });
    expect(await run(["probe"], { level: "refused", features })).toMatchObject({
      status: 4,
      out: `isolation: refused\n${table}`,
    });
  });
});
