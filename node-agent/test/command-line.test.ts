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
    [["status"], "--data DIR is needed"],
    [["doctor", "--data", "d", "x"], '"x" is not expected'],
    [["probe", "x"], '"x" is not expected'],
    [["probe", "-o", "yaml"], "-o yaml is not known"],
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
    const standard = await run(["probe"], { level: "standard", features });
    expect(standard).toMatchObject({ status: 0, error: "" });
    expect(standard.out).toMatch(
      /^isolation: standard\n {2}yes {2}seccomp\n {2}no {3}cgroup {2}ENOENT\n {9}\S.*\nlimits:\n {2}memory /,
    );
    const refused = await run(["probe"], { level: "refused", features });
    expect(refused.status).toBe(4);
    expect(refused.out).toContain("  no   cgroup  ENOENT\n");
    expect(refused.out).not.toContain("limits:");
    const json = await run(["probe", "-o", "json"], { level: "standard", features });
    expect(JSON.parse(json.out)).toMatchObject({
      level: "standard",
      features,
      shortfalls: [{ feature: "cgroup", reason: "ENOENT", remedy: expect.any(String) }],
    });
  });

  it("ends with 5 when there is no agent to tell its status", async () => {
    const { status, out, error } = await run(["status", "--data", "/d"]);
    expect({ status, out }).toEqual({ status: 5, out: "" });
    expect(error).toMatch(/^UNREACHABLE no agent runs with \/d\n {2}Start it/);
  });

  it("ends with 1 when the doctor finds something amiss, all of which it prints", async () => {
    const { status, out } = await run(["doctor", "--data", "/d"]);
    expect(status).toBe(1);
    expect(out).toContain("FAILED  enrolment: this machine has not joined a mesh");
    const json = await run(["doctor", "--data", "/d", "-o", "json"]);
    const { checks } = JSON.parse(json.out) as { checks: { name: string }[] };
    expect(checks.map(({ name }) => name)).toContain("enrolment");
  });
});
