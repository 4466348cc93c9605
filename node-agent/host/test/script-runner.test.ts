import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cleanValue } from "@cohort/proto/text";
import { expect, test } from "vitest";
import { agentCommand, temporaryFolder } from "./agent.ts";

/** A script's process without its sandbox, as emulators have none. */
async function runScript(source: string) {
  const folder = temporaryFolder();
  const path = join(folder, "script.js");
  writeFileSync(path, source);
  const [program = "", ...rest] = await agentCommand();
  return new Promise<{ code: number; out: string; error: string; folder: string }>((resolve) => {
    const child = execFile(program, [...rest, "script", path], { cwd: folder }, (_, out, error) =>
      resolve({ code: child.exitCode ?? -1, out, error, folder }),
    );
  });
}

test("a script computes the same on every processor", async () => {
  const { out, code } = await runScript(`
    export default ({ log }) => {
      const values = [0.1 + 0.2, 1e21, -0, 2 ** -1074, Math.hypot(3, 4), (123.456).toFixed(1)];
      const large = 3n ** 100n % 1000000007n;
      const text = "Straße ☃ 😀".toUpperCase().replace(/\\p{Emoji_Presentation}/gu, "!");
      const bytes = new Uint8Array(new Float64Array([Math.PI]).buffer);
      const sorted = ["b", "ä", "a", "10", "9"].sort();
      const date = new Date(Date.UTC(2024, 1, 29)).toISOString();
      log(JSON.stringify([values, String(large), text, [...bytes], sorted, date]));
    };
  `);
  expect(code).toBe(0);
  expect(JSON.parse(out)).toEqual([
    [0.30000000000000004, 1e21, 0, 5e-324, 5, "123.5"],
    String(3n ** 100n % 1000000007n),
    "STRASSE ☃ !",
    [24, 45, 68, 84, 251, 33, 9, 64],
    ["10", "9", "a", "b", "ä"],
    "2024-02-29T00:00:00.000Z",
  ]);
});

test("a script reads and writes the files of its folder", async () => {
  const { folder, code } = await runScript(`
    export default ({ files }) => files.write("copy", files.read("script.js"));
  `);
  expect(code).toBe(0);
  expect(readFileSync(join(folder, "copy"))).toEqual(readFileSync(join(folder, "script.js")));
});

test("an error of a script ends it with its line", async () => {
  const { code, error } = await runScript("export default () => {\n  null.x;\n};\n");
  expect(code).toBe(1);
  expect(error).toMatch(/script\.js:2/);
});

test("a script cleans text as every other part of the mesh does", async () => {
  const text = "a\u200b\u{e0041}\u202e👩\u200d⚕\ufe0f س\u200cس क्\u200dष 1\u20e3\ud800\u0600";
  const { out, code } = await runScript(
    `export default ({ clean, log }) => log(JSON.stringify(clean([${JSON.stringify(text)}, 1])));`,
  );
  expect(code).toBe(0);
  expect(JSON.parse(out)).toEqual(cleanValue([text, 1]));
});
