import { ProxyReply, ProxyRequest, RenewReply } from "@cohort/proto/gen/cohort/node";
import { problem, refuse } from "@cohort/proto/problem";
import { requestProof } from "@cohort/proto/proof";
import { afterEach, describe, expect, it } from "vitest";
import type { PretendedStep, StepPlay } from "../../node/sandbox.ts";
import { dispatchOf, startNode, type TestNode } from "../kit/node.ts";

let node: TestNode;
afterEach(async () => await node.stop());

const attempt = { run: "r1", step: "step", instance: 0, attempt: 1 };
const encode = (text: string) => new TextEncoder().encode(text);

async function ask(step: PretendedStep, text: string): Promise<string> {
  const socket = step.connect();
  await socket.write(encode(text));
  let answer = "";
  for (let bytes = await socket.read(); bytes !== null; bytes = await socket.read()) {
    answer += new TextDecoder().decode(bytes);
  }
  return answer;
}

function post(path: string, body: string, headers = ""): string {
  return `POST ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`;
}

/** Runs a step with a grant for `llm` and resolves when it has ended. */
async function runStep(
  play: StepPlay,
  answer: (request: ProxyRequest) => ProxyReply,
  lifetimeMs = 300_000,
): Promise<void> {
  node = await startNode(play);
  const { mesh, keys } = node;
  mesh.answers.set("proxy", async (bytes) =>
    ProxyReply.encode(answer(ProxyRequest.decode(bytes))).finish(),
  );
  const seal = (token: string, expiresMs: number) =>
    mesh.sealToken(
      { token, recipient: keys.box.publicKey, attempt, expiresMs },
      keys.box.publicKey,
    );
  mesh.answers.set("renew", async () => {
    const sealedToken = seal("second", Date.now() + 300_000);
    return RenewReply.encode({ problems: [], sealedToken }).finish();
  });
  const sealedToken = seal("first", Date.now() + lifetimeMs);
  await mesh.dispatch(dispatchOf("r1", { services: [{ service: "llm" }], sealedToken }));
  await node.until(() => mesh.finished(attempt) !== undefined);
}

function reply(rest: Partial<ProxyReply> = {}): ProxyReply {
  return ProxyReply.fromPartial({ status: 200, last: true, ...rest });
}

describe("a step's request to its proxy", () => {
  it.each([
    ["RATE_EXCEEDED", /^HTTP\/1.1 429 .*\r\nretry-after: 5\r\n/s],
    ["VAULT_SEALED", /^HTTP\/1.1 503 .*\r\nretry-after: 5\r\n/s],
    ["GRANT_MISSING", /^HTTP\/1.1 403 (?:(?!retry-after).)*$/s],
  ] as const)("is told when to try again where that may help: %s", async (code, expected) => {
    let answer = "";
    await runStep(
      async (step) => {
        answer = await ask(step, post("/llm/v1/chat", "hi"));
      },
      () => reply({ problems: [problem(code, "not now")] }),
    );
    expect(answer).toMatch(expected);
  });

  it("carries the headers of which the proxy decides, and none of its connection's own", async () => {
    const own = "X-Grafana-Org-Id: 1\r\nAccept: text/plain\r\n";
    const kept = "Authorization: Bearer unused\r\nUser-Agent: curl\r\nX-Forwarded-For: 1.2.3.4\r\n";
    let names: string[] = [];
    await runStep(
      async (step) => void (await ask(step, post("/llm/v1/chat", "hi", own + kept))),
      (request) => {
        names = request.headers.map(({ name }) => name);
        return reply();
      },
    );
    expect(names.sort()).toEqual(["accept", "x-grafana-org-id"]);
  });

  it("reaches the coordinator signed by the node, and its answer comes back", async () => {
    const requests: ProxyRequest[] = [];
    let answer = "";
    await runStep(
      async (step) => {
        answer = await ask(
          step,
          post("/llm/v1/chat?x=1", "hi", "Content-Type: text/plain\r\nCookie: a\r\n"),
        );
      },
      (request) => {
        requests.push(request);
        const headers = [{ name: "content-type", value: "text/plain" }];
        return reply({ status: 201, headers, body: encode("there") });
      },
    );
    expect(answer).toMatch(/^HTTP\/1.1 201 OK\r\ncontent-type: text\/plain\r\n.*\r\n\r\nthere$/s);
    const [request] = requests;
    expect(request).toMatchObject({
      token: "first",
      seq: 1,
      service: "llm",
      method: "POST",
      path: "/v1/chat?x=1",
      headers: [{ name: "content-type", value: "text/plain" }],
    });
    if (request === undefined) return;
    const { crypto } = node.mesh.host;
    const proof = requestProof({ ...request, bodyHash: crypto.sha256(request.body) });
    expect(crypto.verify(proof, request.proof, node.keys.sign.publicKey)).toBe(true);
    expect(node.mesh.finished(attempt)?.usage).toMatchObject({ bytesOut: 2, bytesIn: 5 });
  });

  it("has a number of its own, growing, when many are made at once", async () => {
    const numbers: number[] = [];
    await runStep(
      async (step) => {
        await Promise.all(Array.from({ length: 10 }, () => ask(step, post("/llm/x", ""))));
      },
      (request) => {
        numbers.push(request.seq);
        return reply();
      },
    );
    expect(numbers).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it.each([
    ["BUDGET_EXHAUSTED", 402],
    ["GRANT_MISSING", 403],
    ["TOKEN_EXPIRED", 401],
    ["UPSTREAM_TIMEOUT", 504],
    ["UPSTREAM_UNREACHABLE", 502],
  ] as const)("is answered with the problem when it is refused with %s", async (code, status) => {
    let answer = "";
    await runStep(
      async (step) => {
        answer = await ask(step, post("/llm/x", ""));
      },
      () => reply({ problems: [problem(code, "because", { hint: "do this" })] }),
    );
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} Error\r\n`));
    const body = JSON.parse(answer.split("\r\n\r\n")[1] ?? "");
    expect(body).toEqual({ code, message: "because", hint: "do this" });
  });

  it("is answered with 503 when the coordinator is away, and 400 when it names no service", async () => {
    let away = "";
    let nameless = "";
    await runStep(
      async (step) => {
        away = await ask(step, post("/llm/x", ""));
        nameless = await ask(step, post("/..%2f/x", ""));
      },
      () => {
        throw refuse("UNREACHABLE", "away");
      },
    );
    expect(away).toMatch(/^HTTP\/1.1 503 /);
    expect(nameless).toMatch(/^HTTP\/1.1 400 /);
  });

  it("carries a renewed token once the first one comes to its end", async () => {
    const tokens: string[] = [];
    await runStep(
      async (step) => {
        while (tokens.at(-1) !== "second") {
          await ask(step, post("/llm/x", ""));
          await new Promise((resolve) => setTimeout(resolve, 200));
        }
      },
      (request) => {
        tokens.push(request.token);
        return reply();
      },
      61_000,
    );
    expect(tokens[0]).toBe("first");
  });

  it("carries a renewed token when the first was over before the call", async () => {
    const tokens: string[] = [];
    await runStep(
      async (step) => {
        await Promise.all([ask(step, post("/llm/x", "")), ask(step, post("/llm/x", ""))]);
      },
      (request) => {
        tokens.push(request.token);
        return reply();
      },
      -1_000,
    );
    expect(tokens).toEqual(["second", "second"]);
  });

  it("never shows the step its token", async () => {
    let seen = "";
    await runStep(
      async (step) => {
        seen =
          JSON.stringify(step.spec) +
          step.spec.files.map((it) => new TextDecoder().decode(it.bytes)).join();
      },
      () => reply(),
    );
    expect(seen).toContain("http://127.0.0.1:");
    expect(seen).not.toContain("first");
  });
});
