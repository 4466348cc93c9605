import { Gate } from "../gate.ts";
import type { SandboxProcess, Socket } from "../host.ts";
import { agentLimits } from "../limits.ts";
import { encodeAnswer, type HttpAnswer, jsonAnswer, writeAnswer } from "./http-answer.ts";
import type { HttpBody } from "./http-body.ts";
import { HttpRefusal } from "./http-head.ts";
import { HttpReader, type HttpRequest } from "./http-reader.ts";

/** Answers one request of the step. Must not reject. */
export type HttpHandler = (request: HttpRequest) => Promise<HttpAnswer>;

/**
 * Plain HTTP/1.1 on the step's own loopback. Who asks is known by the socket: only this step's
 * sandbox leads here, so no credential is asked for and none is given. Connections beyond the limit
 * wait in the kernel's queue. Resolves when the step has ended.
 */
export async function serveShim(
  process: Pick<SandboxProcess, "accept">,
  handle: HttpHandler,
  ended: AbortSignal,
): Promise<void> {
  const sockets = new Set<Socket>();
  const places = new Gate(agentLimits.shimConnectionsMax);
  const gate = new Gate(agentLimits.shimRequestsMax);
  // What the step holds open for later must not keep those out that wait at the door.
  const full = () => sockets.size >= agentLimits.shimConnectionsMax;
  const closeAll = () => {
    for (const socket of sockets) socket.close();
  };
  ended.addEventListener("abort", closeAll);
  try {
    for (;;) {
      const leave = await places.enter();
      const socket = await process.accept();
      if (socket === null) return;
      if (ended.aborted) return socket.close();
      sockets.add(socket);
      void serveConnection(socket, handle, gate, full).finally(() => {
        sockets.delete(socket);
        leave();
      });
    }
  } catch {
    // The sandbox is gone; so is whoever could be told.
  } finally {
    closeAll();
  }
}

async function serveConnection(
  socket: Socket,
  handle: HttpHandler,
  gate: Gate,
  full: () => boolean,
): Promise<void> {
  const reader = new HttpReader(socket);
  const gone = new AbortController();
  try {
    for (let keepAlive = true; keepAlive; ) {
      const head = await reader.head();
      if (head === null) return;
      const leave = await gate.enter();
      try {
        const body = watchedBody(reader, reader.body(head), gone);
        const answer = await handle({ head, body, gone: gone.signal });
        keepAlive = head.keepAlive && body.ended && !full();
        await writeAnswer(socket, answer, head.method, keepAlive);
        if (!body.ended) await body.skip();
      } finally {
        leave();
      }
    }
  } catch (error) {
    if (!(error instanceof HttpRefusal)) return;
    const problem = { code: "USAGE", message: error.message, hint: "" };
    const answer = jsonAnswer(error.status, problem);
    await socket.write(encodeAnswer(answer, "GET", false)).catch(() => {});
  } finally {
    gone.abort();
    socket.close();
  }
}

/** Once the body has been read, whoever asks has nothing to say until the answer; but may hang up. */
function watchedBody(reader: HttpReader, body: HttpBody, gone: AbortController): HttpBody {
  if (body.ended) reader.watch(() => gone.abort());
  else body.onEnd = () => reader.watch(() => gone.abort());
  return body;
}
