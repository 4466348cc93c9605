import { describe, expect, it } from "vitest";
import { applyCatalogue, emptyCatalogue } from "../../src/catalogue/catalogue.ts";
import { rollBack } from "../../src/catalogue/rollback.ts";
import { applicationsOf, versionOf } from "../../src/catalogue/versions.ts";
import { catalogueWriter, workflow } from "./catalogue-writer.ts";

const refusal = (code: string) => ({ problems: [expect.objectContaining({ code })] });

async function twice() {
  const it = catalogueWriter();
  const versionOfApply = async (text: string) => (await it.apply(text))[0]?.version as string;
  const first = await versionOfApply(workflow("one"));
  const second = await versionOfApply(workflow("two"));
  const roll = (version = "") =>
    rollBack(it.writer, { kind: "workflow", name: "w", version }, "bob");
  return { ...it, first, second, roll };
}

describe("the history of a resource", () => {
  it("lists each application, newest first, with who and when", async () => {
    const { writer, first, second } = await twice();
    expect(applicationsOf(writer.state.catalogue, "workflow", "w")).toEqual([
      { version: second, appliedMs: 2, actor: "ann" },
      { version: first, appliedMs: 1, actor: "ann" },
    ]);
  });

  it("is the same after a replay", async () => {
    const { writer, recorded, roll } = await twice();
    await roll();
    const replayed = emptyCatalogue();
    for (const it of recorded) applyCatalogue(replayed, it);
    expect(replayed.history).toEqual(writer.state.catalogue.history);
  });

  it("refuses a name that nothing has, with the nearest that something has", async () => {
    const { writer } = await twice();
    expect(() => applicationsOf(writer.state.catalogue, "workflow", "ww")).toThrow(
      expect.objectContaining({
        problems: [
          expect.objectContaining({ code: "RESOURCE_UNKNOWN", hint: 'Did you mean "w"?' }),
        ],
      }),
    );
  });
});

describe("a version", () => {
  it("is found by as much of its beginning as tells it apart", async () => {
    const { writer, first, second } = await twice();
    const find = (text: string) => versionOf(writer.state.catalogue, "workflow", "w", text).version;
    expect(find(first.slice(0, 6))).toBe(first);
    expect(find(second)).toBe(second);
    expect(find("")).toBe(second);
    expect(() => find("zzzz")).toThrow(expect.objectContaining(refusal("VERSION_UNKNOWN")));
  });

  it("is refused when several begin so", async () => {
    const { writer, apply } = await twice();
    // Of 17 hashes two begin with the same digit.
    for (let at = 0; at < 17; at++) await apply(workflow(`n${at}`));
    const { catalogue } = writer.state;
    const versions = applicationsOf(catalogue, "workflow", "w").map(({ version }) => version);
    const digits = versions.map((it) => it.slice(0, 1));
    const shared = digits.find((it, at) => digits.indexOf(it) !== at) as string;
    expect(() => versionOf(catalogue, "workflow", "w", shared)).toThrow(/more than one version/);
  });
});

describe("rolling back", () => {
  it("makes the version before the newest the newest again", async () => {
    const { writer, first, second, roll } = await twice();
    expect(await roll()).toMatchObject({
      version: first,
      change: "updated",
      before: workflow("two"),
      after: workflow("one"),
    });
    const { catalogue } = writer.state;
    expect(catalogue.current.get("workflow/w")?.version).toBe(first);
    expect(applicationsOf(catalogue, "workflow", "w").map((it) => [it.version, it.actor])).toEqual([
      [first, "bob"],
      [second, "ann"],
      [first, "ann"],
    ]);
  });

  it("twice comes back to where it began", async () => {
    const { second, roll } = await twice();
    await roll();
    expect(await roll()).toMatchObject({ version: second });
  });

  it("to the current version changes nothing", async () => {
    const { second, roll, recorded } = await twice();
    const before = recorded.length;
    expect(await roll(second.slice(0, 8))).toMatchObject({ version: second, change: "unchanged" });
    expect(recorded.length).toBe(before);
  });

  it("is refused where there is no earlier version", async () => {
    const { writer, apply } = catalogueWriter();
    await apply(workflow("one"));
    const request = { kind: "workflow", name: "w", version: "" };
    await expect(rollBack(writer, request, "bob")).rejects.toMatchObject(
      refusal("VERSION_UNKNOWN"),
    );
  });

  it("is refused where what the version names does not stand any more", async () => {
    const { writer, apply, recorded } = catalogueWriter();
    const service = `---
kind: service
name: s
base_url: https://s.example.com
auth: { type: none }
allow: [{ methods: [GET], path: / }]
`;
    await apply(workflow("one", "    grants: { services: [s] }\n") + service);
    await apply(workflow("two"));
    // Nothing removes a resource yet; what stands is a function of the log all the same.
    writer.state.catalogue.current.delete("service/s");
    const before = recorded.length;
    const request = { kind: "workflow", name: "w", version: "" };
    await expect(rollBack(writer, request, "bob")).rejects.toMatchObject({
      problems: [
        expect.objectContaining({
          code: "RESOURCE_REFERENCE_UNKNOWN",
          file: expect.stringMatching(/^workflow-w-[0-9a-f]{12}\.yaml$/),
          line: 8,
        }),
      ],
    });
    expect(recorded.length).toBe(before);
  });
});
