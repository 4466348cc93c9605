import { describe, expect, it } from "vitest";
import { useCli } from "./kit/cli.ts";
import { Refusal } from "./kit/fake-console.ts";

const cli = useCli();
const { run } = cli;

const token = "01JD9V8Z5N4QJ9W8X7Y6Z5A4B3";
const attempt = { run: "01JD9V8Z5N4QJ9W8X7Y6Z5A4B4", step: "ask", instance: 0, attempt: 2 };
const times = { issuedMs: 1_700_000_000_000, expiresMs: 1_700_000_300_000 };
const row = { token, attempt, node: "press-01", ...times, revoked: false };

describe("cohort token list", () => {
  it.each([[["token"]], [["token", "list"]]])("shows ids, as %j", async (argv) => {
    const rows = [row, { ...row, token: `${token.slice(0, -1)}4`, revoked: true }];
    cli.fake.handlers = { "Tokens.list": () => ({ tokens: rows, leftOut: 0 }) };
    const { status, stdout } = await run(argv);
    expect(status).toBe(0);
    expect(stdout).toMatch(new RegExp(`${token} +press-01 +${attempt.run}.*live`));
    expect(stdout).toMatch(/revoked/);
    expect(stdout).not.toContain("left out");
  });

  it("asks for a run or a node, and says what is left out", async () => {
    cli.fake.handlers = { "Tokens.list": () => ({ tokens: [row], leftOut: 12 }) };
    const asked = ["token", "list", "--run", attempt.run, "--node", "press-01"];
    const { stdout } = await run(asked);
    expect(stdout).toContain("12 older ones are left out");
    const { request } = cli.fake.requests.at(-1) ?? {};
    expect(request).toEqual({ run: attempt.run, node: "press-01" });
    const json: unknown = JSON.parse((await run([...asked, "-o", "json"])).stdout);
    expect(json).toEqual({
      tokens: [
        {
          ...{ token, attempt, node: "press-01", revoked: false },
          ...{ issued_ms: times.issuedMs, expires_ms: times.expiresMs },
        },
      ],
      left_out: 12,
    });
  });
});

describe("cohort token revoke", () => {
  it("says whose calls end, or that they had", async () => {
    let changed = true;
    cli.fake.handlers = { "Tokens.revoke": () => ({ changed, attempt, node: "press-01" }) };
    const argv = ["token", "revoke", token, "--reason", "a strange call"];
    const { stdout } = await run(argv);
    expect(stdout).toContain(`${token} is revoked`);
    expect(stdout).toContain("press-01");
    expect(cli.fake.requests.at(-1)?.request).toEqual({ token, reason: "a strange call" });
    const json: unknown = JSON.parse((await run([...argv, "-o", "json"])).stdout);
    expect(json).toEqual({ token, changed: true, attempt, node: "press-01" });
    changed = false;
    expect((await run(argv)).stdout).toBe(`${token} was revoked before\n`);
  });

  it("wants an id, and shows a refusal with its remedy", async () => {
    expect(await run(["token", "revoke"])).toMatchObject({ status: 2 });
    cli.fake.handlers = {
      "Tokens.revoke": () => {
        throw new Refusal("TOKEN_UNKNOWN", "no attempt that goes on has it");
      },
    };
    const { status, stderr } = await run(["token", "revoke", token]);
    expect(status).toBe(4);
    expect(stderr).toContain("TOKEN_UNKNOWN");
  });
});
