import { CohortError } from "@cohort/proto/problem";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Host } from "../../src/host.ts";
import {
  type AgentStatus,
  formatStatus,
  readStatus,
  serveStatus,
} from "../../src/service/status.ts";
import { testHost } from "../kit/node.ts";

const status: AgentStatus = {
  node: "press-07",
  version: "0.1.0",
  process: 12,
  uptimeMs: 61_000,
  isolation: "strict",
  connection: { server: "mesh:4222", forMs: 5_000 },
  trouble: "",
  slots: 4,
  running: [{ run: "01RUN", step: "sample", instance: 2, attempt: 1 }],
  ledger: { size: 0, takenMs: 0, dispute: "", settled: 0 },
  unsent: false,
};

async function serving(answer: () => AgentStatus = () => status): Promise<Host> {
  const host = await testHost(async () => {});
  const stop = new AbortController();
  const served = serveStatus(host, "/data", answer, stop.signal);
  onTestFinished(async () => {
    stop.abort();
    await served;
  });
  return host;
}

describe("an agent's status", () => {
  it("is told to each who asks, as it is then", async () => {
    let asked = 0;
    const host = await serving(() => ({ ...status, uptimeMs: ++asked }));
    expect(await readStatus(host, "/data")).toEqual({ ...status, uptimeMs: 1 });
    expect(await readStatus(host, "/data")).toEqual({ ...status, uptimeMs: 2 });
  });

  it("is unreachable where no agent runs, with what to do about it", async () => {
    const host = await testHost(async () => {});
    const error = await readStatus(host, "/data").catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(CohortError);
    expect((error as CohortError).problems).toMatchObject([
      { code: "UNREACHABLE", hint: expect.stringContaining("cohort-agent run") },
    ]);
  });

  it("is unreachable when the agent takes the question and never answers", async () => {
    const host = await testHost(async () => {});
    host.local.listen("/data/agent.sock");
    await expect(readStatus(host, "/data")).rejects.toThrow("does not answer");
  });

  it("is another user's when the folder is closed", async () => {
    const host = await testHost(async () => {});
    const closed = Object.assign(new Error("closed"), { code: "EACCES" });
    const connect = () => {
      throw closed;
    };
    const asked = readStatus({ ...host, local: { ...host.local, connect } }, "/data");
    await expect(asked).rejects.toMatchObject({ code: "FORBIDDEN" });
  });

  it("reads as a line a fact", () => {
    expect(formatStatus(status)).toBe(
      [
        "node:       press-07",
        "agent:      0.1.0, process 12, for 61 s",
        "isolation:  strict",
        "connection: mesh:4222, for 5 s",
        "steps:      1 of 4",
        "    01RUN sample[2] attempt 1",
        "results:    all acknowledged",
        "ledger:     nothing seen of it yet",
        "",
      ].join("\n"),
    );
    const ledger = { size: 7, takenMs: 0, dispute: "it was rolled back", settled: 1 };
    expect(formatStatus({ ...status, ledger })).toContain(
      "ledger:     ALARM: it was rolled back; 7 entries seen, at 1970-01-01T00:00:00.000Z; " +
        "disputes settled by operators: 1\n",
    );
    const alone = { ...status, connection: null, trouble: "no route", running: [], unsent: true };
    expect(formatStatus(alone)).toMatch(/connection: not connected: no route\nsteps: {6}0 of 4/);
  });
});
