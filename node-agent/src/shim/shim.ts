import { Gate } from "../gate.ts";
import type { SandboxProcess, Socket } from "../host.ts";
import { agentLimits } from "../limits.ts";
import { encodeAnswer, type HttpAnswer, jsonAnswer } from "./http-answer.ts";
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
  try {
    for (let keepAlive = true; keepAlive; ) {
      const head = await reader.head();
      if (head === null) return;
      const leave = await gate.enter();
      try {
        const answer = await handle({ head, body: await reader.body(head) });
        keepAlive = head.keepAlive && !full();
        await socket.write(encodeAnswer(answer, head.method, keepAlive));
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
    socket.close();
  }
}
