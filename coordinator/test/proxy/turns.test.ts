import { describe, expect, it } from "vitest";
import { proxyLimits } from "../../src/proxy/limits.ts";
import { createTurns } from "../../src/proxy/turns.ts";
import { attempt, codeOf } from "./mesh.ts";
import { Stage } from "./stage.ts";

/** A clock that stands until its sleepers are let go. */
class ManualClock {
  atMs = 0;
  readonly sleepers: { readonly untilMs: number; readonly wake: () => void }[] = [];

  readonly nowMs = () => this.atMs;

  readonly sleep = (ms: number, signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => resolve());
      this.sleepers.push({ untilMs: this.atMs + ms, wake: resolve });
    });

  async advance(ms: number): Promise<void> {
    // Whoever is about to sleep does.
    await new Promise((resolve) => setImmediate(resolve));
    this.atMs += ms;
    for (const { untilMs, wake } of this.sleepers) if (untilMs <= this.atMs) wake();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const exceeded = expect.objectContaining({ code: "RATE_EXCEEDED" });

function serviceWith(limits: object, name = "desk") {
  return { name, limits } as never;
}

describe("a service's concurrency", () => {
  it("gives its places in turn, and back when a call ends", async () => {
    const clock = new ManualClock();
    const turns = createTurns(clock);
    const service = serviceWith({ concurrency: 1 });
    const leave = await turns.enter(service, attempt);
    const order: number[] = [];
    const waiting = [1, 2].map((number) =>
      turns.enter(service, attempt).then((done) => {
        order.push(number);
        return done;
      }),
    );
    await clock.advance(1);
    expect(order).toEqual([]);
    leave();
    (await waiting[0])?.();
    await waiting[1];
    expect(order).toEqual([1, 2]);
  });

  it("refuses who waited too long, and forgets him", async () => {
    const clock = new ManualClock();
    const turns = createTurns(clock);
    const service = serviceWith({ concurrency: 1 });
    const leave = await turns.enter(service, attempt);
    const late = expect(turns.enter(service, attempt)).rejects.toThrow(exceeded);
    await clock.advance(proxyLimits.turnMsMax);
    await late;
    leave();
    await turns.enter(service, attempt);
  });

  it("is each service's own", async () => {
    const turns = createTurns(new ManualClock());
    await turns.enter(serviceWith({ concurrency: 1 }), attempt);
    await turns.enter(serviceWith({ concurrency: 1 }, "other"), attempt);
  });

  it("follows a definition that allows less, or more", async () => {
    const clock = new ManualClock();
    const turns = createTurns(clock);
    const leaves = [
      await turns.enter(serviceWith({ concurrency: 2 }), attempt),
      await turns.enter(serviceWith({ concurrency: 2 }), attempt),
    ];
    const narrow = turns.enter(serviceWith({ concurrency: 1 }), attempt);
    let came = false;
    void narrow.then(() => {
      came = true;
    });
    leaves[0]?.();
    await clock.advance(1);
    expect(came).toBe(false);
    leaves[1]?.();
    await narrow;
  });
});

describe("a service's rate", () => {
  const limits = { rate: { calls: 2, per: 2_000 } };

  it("lets a call wait for its turn, and refuses one whose turn is far", async () => {
    const clock = new ManualClock();
    const turns = createTurns(clock);
    const all = Array.from({ length: 7 }, () => turns.enter(serviceWith(limits), attempt));
    await expect(turns.enter(serviceWith(limits), attempt)).rejects.toThrow(exceeded);
    await clock.advance(proxyLimits.turnMsMax);
    await Promise.all(all);
  });

  it("says when another try is worth it", async () => {
    const turns = createTurns(new ManualClock());
    const slow = serviceWith({ rate: { calls: 1, per: 60_000 } });
    await turns.enter(slow, attempt);
    await expect(turns.enter(slow, attempt)).rejects.toMatchObject({
      problems: [{ hint: "Try again in 60 s." }],
    });
  });

  it("of steps is each instance's own, whatever its attempt", async () => {
    const turns = createTurns(new ManualClock());
    const each = serviceWith({ step_rate: { calls: 1, per: 60_000 } });
    await turns.enter(each, attempt);
    await turns.enter(each, { ...attempt, instance: 1 });
    await turns.enter(each, { ...attempt, step: "other" });
    await expect(turns.enter(each, { ...attempt, attempt: 2 })).rejects.toThrow(exceeded);
  });
});

describe("a call", () => {
  const stage = new Stage();

  it("beyond the rate is refused and recorded, and neither reserved nor sent", async () => {
    const limits = { timeout: 2_000, request: 10_000, response: 10_000 };
    const service = { limits: { ...limits, rate: { calls: 1, per: 3_600_000 } } };
    const budgets = [{ name: "all", limit: 100 }];
    stage.newMesh({ service, budgets });
    expect((await stage.mesh.fetch()).status).toBe(201);
    expect(codeOf(await stage.mesh.fetch())).toBe("RATE_EXCEEDED");
    expect(stage.upstream.requests).toHaveLength(1);
    expect(stage.mesh.writer.of("callIntended")).toHaveLength(1);
    expect(stage.mesh.writer.of("callRefused")[0]).toMatchObject({ code: "RATE_EXCEEDED" });
    expect(stage.mesh.sum("all")).toEqual({ posted: 10, held: 0 });
  });

  it("has its place free again however it ends", async () => {
    const limits = { timeout: 300, request: 10_000, response: 10_000, concurrency: 1 };
    stage.newMesh({ service: { limits } });
    expect(codeOf(await stage.mesh.get("/slow"))).toBe("UPSTREAM_TIMEOUT");
    expect(codeOf(await stage.mesh.get("/break"))).toBe("UPSTREAM_UNREACHABLE");
    stage.mesh.live = false;
    expect(codeOf(await stage.mesh.fetch())).toBe("TOKEN_WRONG_STEP");
    stage.mesh.live = true;
    expect((await stage.mesh.fetch()).status).toBe(201);
  });
});
