import type { PretendedStep } from "../../node/sandbox.ts";

export interface Said {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the agent answers.
  readonly body: any;
}

/** A request of a step to its loopback, as any HTTP client makes it. */
export async function ask(step: PretendedStep, path: string, body?: unknown): Promise<Said> {
  const text = body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body);
  const method = body === undefined ? "GET" : "POST";
  const lengths = `Content-Length: ${new TextEncoder().encode(text).length}`;
  const head = `${method} ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${lengths}\r\n\r\n`;
  const socket = step.connect();
  await socket.write(new TextEncoder().encode(head + text));
  let answer = "";
  for (let bytes = await socket.read(); bytes !== null; bytes = await socket.read()) {
    answer += new TextDecoder().decode(bytes);
  }
  const [first = "", rest = ""] = answer.split("\r\n\r\n");
  return { status: Number(first.split(" ")[1]), body: rest === "" ? null : JSON.parse(rest) };
}
