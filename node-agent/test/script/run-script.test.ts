import { describe, expect, it } from "vitest";
import { socketPair } from "../../node/socket-pair.ts";
import { runScript } from "../../src/script/run-script.ts";
import type { ScriptHost } from "../../src/script/script-host.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array | null) => new TextDecoder().decode(bytes ?? undefined);

interface Outcome {
  readonly status: number;
  readonly output: string | undefined;
  readonly out: string;
  readonly error: string;
  readonly sent: string;
}

async function run(
  source: string,
  answer = "",
  environment: Record<string, string> = {},
): Promise<Outcome> {
  let output: string | undefined;
  let out = "";
  let error = "";
  let sent = "";
  const files: Record<string, string> = {
    "inputs.json": '{"press":"p4"}',
    "with.json": '{"limit":3}',
  };
  const host: ScriptHost = {
    path: "/work/script.js",
    source: () => source,
    readFile: (name) => (files[name] === undefined ? null : encode(files[name])),
    writeFile: (_name, bytes) => {
      output = decode(bytes);
    },
    listFiles: () => Object.keys(files).sort(),
    removeFile: (name) => void delete files[name],
    writeOut: (text) => {
      out += text;
    },
    writeError: (text) => {
      error += text;
    },
    environment: (name) => environment[name],
    now: () => 0,
    connect: async () => {
      const [client, server] = socketPair();
      void server.read().then(async (bytes) => {
        sent += decode(bytes);
        await server.write(encode(answer));
        server.close();
      });
      return client;
    },
    random: (length) => new Uint8Array(length),
    exhausted: () => false,
    exit: () => {
      throw new Error("not here");
    },
    evaluateModule: async (text) =>
      await import(`data:text/javascript,${encodeURIComponent(text)}`),
  };
  const status = await runScript(host);
  return { status, output, out, error, sent };
}

describe("a script step", () => {
  it("gets inputs, with, node and instance, and leaves what it returns", async () => {
    const source =
      "export default ({ inputs, with: w, node, instance, log }) => { log('x', { a: 1 }); return { inputs, w, node, instance } }";
    const outcome = await run(source, "", { COHORT_NODE: "board-1", COHORT_INSTANCE: "2" });
    expect(outcome).toMatchObject({ status: 0, out: 'x {"a":1}\n' });
    expect(JSON.parse(outcome.output ?? "")).toEqual({
      inputs: { press: "p4" },
      w: { limit: 3 },
      node: { name: "board-1" },
      instance: 2,
    });
  });

  it("leaves no output when it returns nothing", async () => {
    expect(await run("export default async ({ sleep }) => { await sleep(1) }")).toMatchObject({
      status: 0,
      output: undefined,
    });
  });

  it("fails with its error's message as the last line", async () => {
    const outcome = await run("export default () => { throw new TypeError('broken') }");
    expect(outcome.status).toBe(1);
    expect(outcome.error.trimEnd().split("\n").at(-1)).toBe("TypeError: broken");
  });

  it.each(["export const a = 1", "syntax error here", "throw 'text'", "export default 5"])(
    "fails when it is %j",
    async (source) => expect((await run(source)).status).toBe(1),
  );

  it("calls granted services, and nothing else", async () => {
    const source =
      "export default async ({ fetch }) => { const r = await fetch('llm:/v1', { body: { a: 1 } }); return [r.status, r.ok, r.headers['x-a'], await r.json()] }";
    const answer = "HTTP/1.1 200 OK\r\nX-A: b\r\n\r\n[1]";
    const outcome = await run(source, answer, { COHORT_PROXY: "http://127.0.0.1:7070" });
    expect(JSON.parse(outcome.output ?? "")).toEqual([200, true, "b", [1]]);
    expect(outcome.sent).toMatch(
      /^POST \/llm\/v1 HTTP\/1.1\r\ncontent-type: application\/json\r\n.*\r\n\r\n{"a":1}$/s,
    );
    for (const address of ["http://evil/", "llm:v1", "llm:/a b", "LLM:/", ":/x", "llm:/a\\r\\nb"]) {
      const refused = await run(`export default ({ fetch }) => fetch("${address}")`, answer, {
        COHORT_PROXY: "http://127.0.0.1:7070",
      });
      expect(refused).toMatchObject({ status: 1, sent: "" });
    }
  });

  it("is told when it has no grants", async () => {
    const outcome = await run("export default ({ fetch }) => fetch('llm:/v1')");
    expect(outcome.error).toContain("no grants");
  });
});
