import { expect, test as plainTest } from "vitest";
import { sanitize } from "./agent.ts";
import { runStep, type StepOptions } from "./step.ts";

/** AddressSanitizer reserves more memory than a sandbox grants. */
const test = plainTest.skipIf(sanitize);

/** A script step as the agent starts it. */
const runScript = (source: string, options: Partial<StepOptions> = {}) =>
  runStep({
    argv: ["/.cohort/agent", "script", "/work/script.js"],
    ...options,
    files: { "script.js": source, ...options.files },
  });

test("a script sees __script and nothing of the machine", async () => {
  const { out, error } = await runScript(`
    const names = ["__host", "std", "os", "require", "process"].filter((name) => name in globalThis);
    __script.writeOut(JSON.stringify([names, __script.path]) + "\\n");
    __script.writeError("err\\n");
    export default () => {};
  `);
  expect(out.split("\n")[0]).toBe('[[],"/work/script.js"]');
  expect(error).toBe("err\n");
});

test("files of the workspace are read and written", async () => {
  const { extra } = await runScript(
    `const text = new TextDecoder().decode(__script.readFile("in"));
     __script.writeFile("out", new TextEncoder().encode(text + "!"));
     __script.writeFile("none", new TextEncoder().encode(String(__script.readFile("absent"))));
     export default () => {};`,
    {
      files: { in: "hello" },
      after: `return ["out", "none"].map((n) => text.decode(step.collect(n, 100)))`,
    },
  );
  expect(extra).toEqual(["hello!", "null"]);
});

test("a syntax error names the script's own line", async () => {
  const { error, exit } = await runScript("const a = 1;\nconst b = ;\n");
  expect(exit.code).toBe(1);
  expect(error).toMatch(/script\.js:2/);
});

test("an import is refused", async () => {
  const { error, exit } = await runScript('import "std";\nexport default () => {};');
  expect(exit.code).toBe(1);
  expect(error).toContain('cannot import "std"');
});

test("memory beyond the script's limit is an error of the script", async () => {
  const { error, exit } = await runScript(
    "const all = [];\nexport default () => { for (;;) all.push(new Uint8Array(1 << 20).fill(1)); };",
    { environment: { COHORT_SCRIPT_MEMORY: "8000000" } },
  );
  expect(exit).toMatchObject({ code: 1, killed: "" });
  expect(error).toContain("out of memory");
});

test("a script reaches the listener and no other port", async () => {
  const { out, extra } = await runScript(
    `export default async () => {
       const socket = await __script.connect(8080);
       await socket.write(new TextEncoder().encode("ping"));
       const answer = new TextDecoder().decode(await socket.read());
       const refused = await __script.connect(8081).catch((error) => error.code);
       __script.writeOut(answer + " " + refused);
     };`,
    {
      listenPort: 8080,
      meanwhile: `
        const socket = await step.accept();
        const request = text.decode(await socket.read());
        await socket.write(new TextEncoder().encode("pong"));
        return request;`,
    },
  );
  expect({ out, extra }).toEqual({ out: "pong ECONNREFUSED", extra: "ping" });
});
