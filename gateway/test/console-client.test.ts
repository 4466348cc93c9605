import { Run } from "@cohort/proto/gen/cohort/console";
import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConsoleClient } from "../src/console-client/console-client.ts";
import { toCohortError } from "../src/console-client/problems.ts";
import { type FakeConsole, Refusal, startFakeConsole } from "./kit/fake-console.ts";

describe("ConsoleClient", () => {
  let fake: FakeConsole;
  let client: ConsoleClient;
  const unhandled: unknown[] = [];
  const record = (error: unknown) => unhandled.push(error);

  beforeEach(async () => {
    fake = await startFakeConsole();
    client = new ConsoleClient(fake.context);
    process.on("uncaughtException", record);
  });

  afterEach(async () => {
    client.close();
    await fake.stop();
    process.off("uncaughtException", record);
    expect(unhandled.splice(0)).toEqual([]);
  });

  const watch = (signal?: AbortSignal) =>
    client.stream(client.runs, client.runs.watch, { run: "r" }, signal);

  function* endless() {
    for (let at = 0; at < 100_000; at += 1) yield Run.fromPartial({ run: String(at) });
  }

  it("lets a reader leave a stream that goes on", async () => {
    fake.handlers["Runs.watch"] = endless;
    for await (const run of watch()) {
      if (run.run === "5") break;
    }
    fake.handlers["Nodes.list"] = () => ({ nodes: [] });
    expect(await client.call(client.nodes, client.nodes.list, {})).toEqual({ nodes: [] });
  });

  it("ends a stream without an error when the signal aborts", async () => {
    fake.handlers["Runs.watch"] = endless;
    const stopping = new AbortController();
    let count = 0;
    for await (const _ of watch(stopping.signal)) {
      count += 1;
      if (count === 3) stopping.abort();
    }
    expect(count).toBeGreaterThanOrEqual(3);
    expect(count).toBeLessThan(100_000);
  });

  it("throws the problems that a stream ends with", async () => {
    fake.handlers["Runs.watch"] = () => {
      throw new Refusal("RUN_UNKNOWN", "no run r", "See `cohort status`.");
    };
    await expect(watch().next()).rejects.toMatchObject({
      code: "RUN_UNKNOWN",
      exit: 4,
      problems: [{ message: "no run r", hint: "See `cohort status`." }],
    });
  });

  it("gives up a call at its deadline, and a call that is aborted at once", async () => {
    fake.handlers["Runs.watch"] = endless;
    const stopping = new AbortController();
    const call = client.call(client.nodes, client.nodes.list, {}, { signal: stopping.signal });
    stopping.abort();
    await expect(call).rejects.toMatchObject({ code: "UNREACHABLE" });
    const late = client.call(client.nodes, client.nodes.list, {}, { timeoutMs: -1 });
    await expect(late).rejects.toMatchObject({ code: "UNREACHABLE" });
  });
});

describe("toCohortError", () => {
  const failure = (code: status, details: string, problems?: Buffer): ServiceError => {
    const metadata = new Metadata();
    if (problems !== undefined) metadata.set("cohort-problems-bin", problems);
    return Object.assign(new Error(details), { code, details, metadata });
  };

  it.each([
    [status.UNAVAILABLE, "connect ECONNREFUSED", "UNREACHABLE", /cohort up/],
    [status.UNAVAILABLE, "unable to verify the first certificate", "UNREACHABLE", /right context/],
    [status.DEADLINE_EXCEEDED, "too late", "UNREACHABLE", /cohort doctor/],
    [status.UNAUTHENTICATED, "who?", "UNAUTHENTICATED", /context/],
    [status.PERMISSION_DENIED, "no", "FORBIDDEN", /^$/],
    [status.RESOURCE_EXHAUSTED, "larger than max", "LIMIT_EXCEEDED", /^$/],
    [status.INTERNAL, "oops", "INTERNAL", /^$/],
  ])("maps status %i (%s) without problems to %s", (code, details, expected, hint) => {
    const error = toCohortError(failure(code, details), "localhost:7443");
    expect(error.code).toBe(expected);
    expect(error.problems[0]?.hint).toMatch(hint);
  });

  it("falls back to the status when the problems do not decode", () => {
    const error = failure(status.UNAVAILABLE, "x", Buffer.of(0xff, 0xff, 0xff));
    expect(toCohortError(error, "localhost:7443").code).toBe("UNREACHABLE");
  });

  it("takes what is no gRPC error for a fault of its own", () => {
    expect(toCohortError(new TypeError("x is undefined"), "e")).toMatchObject({
      code: "INTERNAL",
      exit: 1,
    });
  });
});
