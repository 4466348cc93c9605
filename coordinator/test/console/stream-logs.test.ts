import { createHash } from "node:crypto";
import { getEventListeners } from "node:events";
import {
  type LogLine,
  LogsRequest,
  RunsClient,
  RunsService,
} from "@cohort/proto/gen/cohort/console";
import { limits } from "@cohort/proto/limits";
import { credentials, Metadata, Server, ServerCredentials } from "@grpc/grpc-js";
import { afterEach, describe, expect, it } from "vitest";
import { createMethods } from "../../src/console/methods.ts";
import { streamLogs } from "../../src/console/stream-logs.ts";
import { defaultRetention } from "../../src/history/retention.ts";
import type { StepLogStore } from "../../src/log/log.ts";
import { upTo } from "../../src/log/step-log-store.ts";
import { createFeed } from "../../src/state/feed.ts";
import { createWorld } from "../scheduler/world.ts";

const chunkBytes = limits.logChunkBytesMax;
const chunksInAll = 2_048;
/** What lies between disk and reader: a page, a few messages of gRPC, the windows of HTTP/2. */
const heldBytesMax = 2 * 1024 * 1024;

const tokenHash = createHash("sha256").update("t").digest("hex");
const close: (() => void)[] = [];
afterEach(() => {
  for (const end of close.splice(0).reverse()) end();
});

/** The logs of a run with 32 MiB of output over gRPC; `read` and `taken` count their bytes. */
async function setUp() {
  const world = createWorld('kind: workflow\nname: flow\nsteps: [{ id: a, run: "true" }]\n');
  await world.apply();
  const { run } = await world.start("flow");
  let listeners = () => 0;
  const count = { read: 0, taken: 0, held: 0, listeners: 0 };
  const read: StepLogStore["read"] = (_run, _step, cursor, most) => {
    const length = Math.min(most.chunks, chunksInAll - cursor);
    const all = Array.from({ length }, (_, at) => ({
      ...{ run, step: "a", instance: 0, attempt: 1, node: "n", stream: 1, atMs: 1 },
      offset: (cursor + at) * chunkBytes,
      data: new Uint8Array(chunkBytes),
      cursor: cursor + at + 1,
    }));
    const page = upTo(most.bytes, all);
    count.read += page.length * chunkBytes;
    count.held = Math.max(count.held, count.read - count.taken);
    count.listeners = Math.max(count.listeners, listeners());
    return page;
  };
  const dependencies = {
    writer: world.writer,
    feed: createFeed(),
    history: world.log.history,
    retention: defaultRetention,
    stepLogs: { read },
  };
  const methods = createMethods([{ name: "ann", role: "operator", tokenHash }], () => {});
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const logs = methods.stream(
    RunsService.logs,
    async (request: LogsRequest, send: (line: LogLine) => Promise<void>, signal) => {
      listeners = () => getEventListeners(signal, "abort").length;
      await streamLogs(dependencies, request, send, signal).finally(end);
    },
  );
  const server = new Server();
  server.addService({ logs: RunsService.logs }, { logs });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  close.push(() => server.forceShutdown());
  const client = new RunsClient(`127.0.0.1:${port}`, credentials.createInsecure());
  close.push(() => client.close());
  const metadata = new Metadata();
  metadata.set("authorization", "Bearer t");
  const stream = client.logs(LogsRequest.fromPartial({ run }), metadata);
  close.push(() => stream.cancel());
  stream.on("error", () => {});
  return { stream, count, ended };
}

describe("a reader of a run's output", () => {
  it("that stops reading holds a page of it, and has all of it when it goes on", async () => {
    const { stream, count } = await setUp();
    let next = 0;
    for await (const line of stream as AsyncIterable<LogLine>) {
      expect(line.offset).toBe(next);
      next += line.data.length;
      count.taken = next;
      // Time enough for whoever would go on reading the disk.
      if (next === chunkBytes) await new Promise((resolve) => setTimeout(resolve, 500));
    }
    expect(next).toBe(chunksInAll * chunkBytes);
    expect(count.held).toBeLessThan(heldBytesMax);
    expect(count.listeners).toBeLessThan(5);
  });

  it("that has gone is read for no more", async () => {
    const { stream, count, ended } = await setUp();
    await new Promise((resolve) => stream.once("readable", resolve));
    stream.cancel();
    await ended;
    expect(count.read).toBeLessThan(heldBytesMax);
  });
});
