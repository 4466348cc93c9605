import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readSources, root, type SourceFile } from "./sources.ts";
import { textPlaces, writers } from "./text-places.ts";

/** What runs in a mesh; sets-up, builds and tests write of themselves. */
const shipped =
  /^(?:coordinator\/src|gateway\/(?:src|console)|node-agent\/(?:src|node)|deploy\/(?:src|examples))\/.*\.ts$/;
const sources = readSources().filter(({ path }) => shipped.test(path));

const writing =
  /\bprocess\.(?:stdout|stderr)\b|\bconsole\.(?:log|info|warn|error)\(|\bpino\(|\bpino\.destination/;
const destructured = /\{[^}]*\b(?:stdout|stderr)\b[^}]*\} = process\b/;
const telling = /role: "(?:system|user|assistant|tool)"/;

function writersAmong(files: readonly SourceFile[]): string[] {
  return files
    .filter(({ text }) => writing.test(text) || destructured.test(text))
    .map(({ path }) => path);
}

describe("text from outside", () => {
  it.each(textPlaces.map((it) => [it.what, it] as const))("is cleaned in %s", (_, { file, by }) => {
    expect(readFileSync(join(root, file), "utf8")).toMatch(by);
  });

  it("reaches terminals and logs through the listed files alone", () => {
    expect(writersAmong(sources).sort()).toEqual(Object.keys(writers).sort());
  });

  it("reaches the agent's log through its one wrapper", () => {
    const command = readFileSync(join(root, "node-agent/src/command-line.ts"), "utf8");
    expect(command).toMatch(/const host = withCleanOutput\(machine\)/);
    expect(command).not.toMatch(/\bmachine\./);
    const main = readFileSync(join(root, "node-agent/src/main.ts"), "utf8");
    expect(main).not.toMatch(/write(?:Out|Error)/);
  });

  it("reaches models through the loop of agents alone", () => {
    const told = sources.filter(({ text }) => telling.test(text)).map(({ path }) => path);
    expect(told).toEqual(["coordinator/src/agents/agent-loop.ts"]);
    const loop = readFileSync(join(root, "coordinator/src/agents/agent-loop.ts"), "utf8");
    expect(loop.match(/\brequestOf\(/g)).toHaveLength(2);
  });

  it("is named place by place in SECURITY.md", () => {
    const security = readFileSync(join(root, "SECURITY.md"), "utf8");
    const missing = textPlaces.filter(
      ({ what, file }) => !security.includes(`| ${what} | \`${file}\` |`),
    );
    expect(missing.map(({ what }) => what)).toEqual([]);
  });

  it("is noticed where a file writes past the list", () => {
    const planted = (text: string) => ({ path: "coordinator/src/x.ts", text, imports: [] });
    expect(
      writersAmong([planted("process.stdout.write(x)"), planted("const { stderr } = process;")]),
    ).toHaveLength(2);
  });
});
