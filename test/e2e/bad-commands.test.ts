import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestMesh } from "../kit/mesh.ts";
import { expectUnchanged } from "../kit/unchanged.ts";

const lathe = `
kind: workflow
name: lathe
inputs: { speed: { type: number }, note: { default: none } }
steps: [{ id: a, run: uptime }]
`;

/** Command lines that must be refused; the mesh has a workflow `lathe` with inputs speed and note. */
const commands = [
  { argv: ["run", "lahte"], exit: 4, says: 'WORKFLOW_UNKNOWN no workflow is called "lahte"' },
  { argv: ["run", "lathe"], exit: 4, says: 'INPUT_INVALID input "speed" is missing' },
  {
    argv: ["run", "lathe", "-i", "speed=fast"],
    exit: 4,
    says: 'INPUT_INVALID input "speed" must be a number, not "fast"',
  },
  {
    argv: ["run", "lathe", "-i", "speed:=1", "-i", "sped:=2"],
    exit: 4,
    says: 'INPUT_INVALID workflow lathe has no input "sped"\n  Did you mean "speed"?',
  },
  { argv: ["run", "lathe", "-i", "speed"], exit: 2, says: "USAGE speed is not key=text" },
  { argv: ["run", "lathe", "-i", "speed:={"], exit: 2, says: "USAGE the value of speed is not" },
  {
    argv: ["run", "lathe", "-i", "speed=1", "--idempotency-key", "k".repeat(300)],
    exit: 4,
    says: "LIMIT_EXCEEDED the idempotency key is longer than 256 characters",
  },
  { argv: ["status", "01UNKNOWN"], exit: 4, says: 'RUN_UNKNOWN no run has the id "01UNKNOWN"' },
  { argv: ["logs", "01UNKNOWN"], exit: 4, says: 'RUN_UNKNOWN no run has the id "01UNKNOWN"' },
  { argv: ["node", "invite", "--name", "Not A Name"], exit: 4, says: "NAME_INVALID " },
  { argv: ["node", "invite"], exit: 2, says: "required option '--name <name>' not specified" },
  { argv: ["apply", "-f", "/nowhere.yaml"], exit: 2, says: "USAGE /nowhere.yaml does not exist" },
  { argv: ["aply"], exit: 2, says: "unknown command 'aply'\n(Did you mean apply?)" },
];

describe("bad commands", () => {
  let mesh: TestMesh;

  beforeAll(async () => {
    mesh = await TestMesh.start();
    await mesh.apply([{ path: "lathe.yaml", text: lathe }]);
  });

  afterAll(async () => {
    await mesh?.stop();
  });

  const write = (name: string, text: string) => {
    const path = join(mesh.home, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };

  it.each(commands)("cohort $argv is refused with exit status $exit", async (it) => {
    const result = await expectUnchanged(mesh, () => mesh.cohort(...it.argv));
    expect(result).toMatchObject({ exit: it.exit, stdout: "" });
    expect(result.stderr).toContain(it.says);
  });

  it.each([
    { bytes: 2 ** 20 + 1, argv: ["apply", "-f"] },
    { bytes: 2 ** 18, argv: ["run", "lathe", "-i", "speed=1", "--inputs"] },
    { bytes: 5 * 2 ** 20, argv: ["run", "lathe", "--inputs"] },
  ])("a file of $bytes bytes is too large for cohort $argv", async ({ bytes, argv }) => {
    const text = JSON.stringify({ note: "x".repeat(bytes) });
    const path = write("large.yaml", text);
    const result = await expectUnchanged(mesh, () => mesh.cohort(...argv, path));
    expect(result).toMatchObject({ exit: 4, stdout: "" });
    expect(result.stderr).toMatch(/^LIMIT_EXCEEDED .*\d{6}/);
  });

  it("a secret on the command line is refused, and said nothing of", async () => {
    const argv = ["secret", "set", "desk/api-key", "hunter2"];
    const result = await expectUnchanged(mesh, () => mesh.cohort(...argv));
    expect(result).toMatchObject({ exit: 2, stdout: "" });
    expect(result.stderr).toContain("USAGE a secret's value does not belong on the command line");
    expect(result.stderr).not.toContain("hunter2");
  });

  it.each([
    ["a token that was never given", "UNAUTHENTICATED the request carries no valid credential"],
    ["a gateway's token", "FORBIDDEN the role gateway may not call "],
  ])("%s is refused with exit status 4", async (whose, says) => {
    const operator = JSON.parse(readFileSync(mesh.context, "utf8")) as { token: string };
    const forged = JSON.stringify({ ...operator, token: "x".repeat(operator.token.length) });
    const context = whose.startsWith("a token")
      ? write("forged.json", forged)
      : join(mesh.home, "gateway.json");
    const argv = ["--context", context, "run", "lathe", "-i", "speed=1"];
    const result = await expectUnchanged(mesh, () => mesh.cohort(...argv));
    expect(result).toMatchObject({ exit: 4, stdout: "" });
    expect(result.stderr).toContain(says);
  });

  it("a coordinator that is away is exit status 5, also as JSON", async () => {
    await mesh.program("coordinator").kill("SIGTERM");
    const result = await mesh.cohort("-o", "json", "run", "lathe", "-i", "speed=1");
    expect(result).toMatchObject({ exit: 5, stdout: "" });
    expect(JSON.parse(result.stderr)).toEqual({
      problems: [
        {
          code: "UNREACHABLE",
          message: `the coordinator at localhost:${mesh.ports.console} does not answer`,
          hint: "Is the coordinator up? `cohort up` starts one.",
        },
      ],
    });
  });
});
