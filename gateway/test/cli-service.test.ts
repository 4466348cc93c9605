import { describe, expect, it } from "vitest";
import { useCli } from "./kit/cli.ts";

const cli = useCli();
const { run } = cli;

describe("cohort service", () => {
  it("list names what was applied", async () => {
    cli.fake.handlers["Resources.list"] = () => ({
      resources: [{ kind: "service", name: "desk", version: "a".repeat(64) }],
    });
    const { status, stdout } = await run(["service", "list"]);
    expect([status, stdout]).toEqual([0, "SERVICE  VERSION\ndesk     aaaaaaaaaaaa\n"]);
    expect(cli.fake.requests[0]?.request).toMatchObject({ kind: "service" });
  });

  it("list --catalogue asks no coordinator, and says what one must give", async () => {
    const { status, stdout } = await run(["service", "list", "--catalogue"]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^catalogue\/jira +base_url auth +Issues at Jira Cloud\.$/m);
    expect(cli.fake.requests).toEqual([]);
    const json = await run(["service", "list", "--catalogue", "-o", "json"]);
    expect(JSON.parse(json.stdout).services).toContainEqual({
      name: "catalogue/jira",
      description: "Issues at Jira Cloud.",
      needs: ["base_url", "auth"],
    });
  });

  it("show prints what was applied, of a version where one is named", async () => {
    cli.fake.handlers["Resources.show"] = () => ({
      kind: "service",
      name: "desk",
      version: "a1",
      yaml: "kind: service\nname: desk\n",
    });
    const { stdout } = await run(["service", "show", "desk@a1"]);
    expect(stdout).toBe("kind: service\nname: desk\n");
    expect(cli.fake.requests[0]?.request).toMatchObject({ name: "desk", version: "a1" });
  });

  it("show prints one of the catalogue, and refuses what it does not have", async () => {
    const { stdout } = await run(["service", "show", "catalogue/telegram"]);
    expect(stdout).toContain("auth: { type: path, prefix: bot, secret: telegram/bot-token }");
    const unknown = await run(["service", "show", "catalogue/constructor"]);
    expect([unknown.status, unknown.stdout]).toEqual([4, ""]);
    expect(unknown.stderr).toContain("RESOURCE_UNKNOWN");
  });
});
