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

/** What a script logged as JSON. */
const logged = async (body: string, options: Partial<StepOptions> = {}): Promise<unknown> => {
  const source = `export default async (api) => api.log(JSON.stringify(await (async () => { ${body} })()));`;
  const { out, error } = await runScript(source, options);
  if (error !== "") throw new Error(error);
  return JSON.parse(out);
};

test("a script is given its API, and nothing of the machine is in reach", async () => {
  const seen = await logged(`
    const names = ["__script", "__host", "std", "os", "bjs", "require", "process", "scriptArgs", "print"];
    const ways = [(name) => name in globalThis, (name) => eval("typeof " + name) !== "undefined",
      (name) => new Function("return typeof " + name)() !== "undefined"];
    const found = names.filter((name) => ways.some((way) => way(name)));
    return [found, Object.keys(api).sort()];
  `);
  const api = "clean device fetch files inputs instance log node sleep with".split(" ");
  expect(seen).toEqual([[], api]);
});

test("globals of a script are those of the language, and timers", async () => {
  const own = await logged(`
    const language = new Set(Object.getOwnPropertyNames(globalThis).filter((name) =>
      /^[A-Z]/.test(name) || /^(eval|escape|unescape|parse|is[NF]|encode|decode|undefined|globalThis)/.test(name)));
    return Object.getOwnPropertyNames(globalThis).filter((name) => !language.has(name)).sort();
  `);
  expect(own).toEqual([
    ...[
      "atob",
      "btoa",
      "clearInterval",
      "clearTimeout",
      "console",
      "performance",
      "queueMicrotask",
    ],
    ...["setInterval", "setTimeout"],
  ]);
});

test("prototypes that a script changes show it nothing native beyond the API", async () => {
  const seen = await logged(
    `
    const caught = new Set();
    const note = (value) => {
      if (value === null || (typeof value !== "object" && typeof value !== "function")) return;
      for (const name of ["readFile", "connect", "evaluateModule", "exit", "environment"]) {
        if (name in value) caught.add(name);
      }
    };
    for (const type of [Promise, Array, Map, Function, Uint8Array, String]) {
      for (const name of Object.getOwnPropertyNames(type.prototype)) {
        const before = Object.getOwnPropertyDescriptor(type.prototype, name);
        if (typeof before?.value !== "function" || name === "constructor") continue;
        type.prototype[name] = function (...given) {
          note(this); given.forEach?.call; for (let i = 0; i < given.length; i++) note(given[i]);
          return Reflect.apply(before.value, this, given);
        };
      }
    }
    api.files.write("a/b", "text");
    api.files.list("a");
    await api.fetch("llm:/x").catch(() => {});
    await api.device.iio("accel0").read().catch(() => {});
    return [...caught];
  `,
    { environment: { COHORT_PROXY: "http://127.0.0.1:1", COHORT_DEVICES: "http://127.0.0.1:1/x" } },
  );
  expect(seen).toEqual([]);
});

test("files of the workspace are read, written, listed and removed", async () => {
  const seen = await logged(
    `const { files } = api;
     files.write("deep/er/out", files.text("in") + "!");
     files.write("raw", Uint8Array.of(0, 255));
     const before = [files.list(), files.list("deep/er"), files.list("none"), files.text("absent"), [...files.read("raw")]];
     files.remove("deep/er/out");
     files.remove("deep/er");
     return [...before, files.list("deep")];`,
    { files: { in: "hello" } },
  );
  expect(seen).toEqual([["deep", "in", "raw", "script.js"], ["out"], [], null, [0, 255], []]);
});

test.each(["/etc/passwd", "../x", "a/../../x", "a//b", "", ".", "./x", "a\\0b", "a/.."])(
  "a path that leaves the workspace is refused: %s",
  async (path) => {
    const seen = await logged(`
      const ways = ["read", "text", "remove", "write"];
      return ways.map((way) => { try { api.files[way]("${path}", ""); return "done"; } catch (error) { return error.name; } });
    `);
    expect(seen).toEqual(["TypeError", "TypeError", "TypeError", "TypeError"]);
  },
);

test("a script may not load code: no import, static or not, whatever evaluates it", async () => {
  const seen = await logged(`
    const ways = [() => import("std"), () => import("/work/other.js"), () => eval('import("os")'),
      () => new Function('return import("os")')()];
    api.files.write("other.js", "export default 1");
    return Promise.all(ways.map((way) => way().then(() => "loaded", (error) => error.message)));
  `);
  expect(seen).toHaveLength(4);
  for (const message of seen as string[]) expect(message).toContain("cannot import");
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

test.each([
  ["buffers", "for (;;) all.push(new Uint8Array(1 << 16).fill(1));"],
  ["small objects", "for (;;) all.push({ a: all.length });"],
  ["a text", "for (let text = 'x'; ; text += 'y'.repeat(50000)) all.push(text + all.length);"],
])("memory beyond the script's limit ends it with a status of its own: %s", async (_, grow) => {
  const { error, exit } = await runScript(`const all = [];\nexport default () => { ${grow} };`, {
    environment: { COHORT_SCRIPT_MEMORY: "8000000" },
  });
  expect({ ...exit, error }).toMatchObject({ code: 3, killed: "" });
  expect(error).toContain("out of memory");
});

test("a script that never ends is ended from outside", async () => {
  const { exit } = await runScript("export default () => { for (;;); };", {
    limits: { cpuMs: 300 },
  });
  expect(exit).toMatchObject({ killed: "cpu" });
});

test("endless recursion is an error of the script", async () => {
  const { error, exit } = await runScript("const f = () => f() + 1;\nexport default () => f();");
  expect(exit.code).toBe(1);
  expect(error).toContain("stack overflow");
});

test("a script reaches the listener, for what it was granted", async () => {
  const { out, extra } = await runScript(
    `export default async ({ device, fetch, log }) => {
       const { rms } = await device.iio("accel0").read();
       const response = await fetch("llm:/v1", { body: "hi" });
       log(rms, response.status, await response.text());
     };`,
    {
      listenPort: 8080,
      environment: {
        COHORT_DEVICES: "http://127.0.0.1:8080/.devices",
        COHORT_PROXY: "http://127.0.0.1:8080",
      },
      meanwhile: `
        const heads = [];
        for (const body of ['{"rms":4.5}', "there"]) {
          const socket = await step.accept();
          heads.push(text.decode(await socket.read()).split("\\r\\n")[0]);
          await socket.write(new TextEncoder().encode("HTTP/1.1 200 OK\\r\\n\\r\\n" + body));
          socket.close();
        }
        return heads;`,
    },
  );
  expect(out).toBe("4.5 200 there\n");
  expect(extra).toEqual(["POST /.devices/iio/accel0 HTTP/1.1", "POST /llm/v1 HTTP/1.1"]);
});

test("integers of 64 bits are written in full, those with the highest bit among them", async () => {
  const written = await logged(`
    const texts = [];
    for (const bits of [62n, 63n, 64n, 127n, 128n]) {
      for (const near of [-1n, 0n, 1n]) texts.push(String(2n ** bits + near), String(-(2n ** bits) + near));
    }
    return texts;
  `);
  const expected: string[] = [];
  for (const bits of [62n, 63n, 64n, 127n, 128n]) {
    for (const near of [-1n, 0n, 1n]) {
      expected.push(String(2n ** bits + near), String(-(2n ** bits) + near));
    }
  }
  expect(written).toEqual(expected);
});
