import { describe, expect, it } from "vitest";
import { HeldBodies } from "../../src/proxy/held-bodies.ts";
import { proxyLimits } from "../../src/proxy/limits.ts";

const { heldBytesMax, heldBytesPerNodeMax } = proxyLimits;
const refused = expect.objectContaining({ code: "LIMIT_EXCEEDED" });

describe("bodies that are held", () => {
  it("are bounded for a node, over all its calls, until they are released", () => {
    const bodies = new HeldBodies();
    const [first, second] = [bodies.of("press-01"), bodies.of("press-01")];
    first.take(heldBytesPerNodeMax - 1);
    second.take(1);
    expect(() => second.take(1)).toThrow(refused);
    bodies.of("press-02").take(1);
    first.release();
    second.take(heldBytesPerNodeMax - 1);
    expect(() => second.take(1)).toThrow(refused);
  });

  it("are bounded for all nodes together", () => {
    const bodies = new HeldBodies();
    const nodes = Math.floor(heldBytesMax / heldBytesPerNodeMax);
    const held = Array.from({ length: nodes }, (_, at) => bodies.of(`press-${at}`));
    for (const it of held) it.take(heldBytesPerNodeMax);
    expect(() => bodies.of("one-more").take(1)).toThrow(refused);
    for (const it of held) it.release();
    bodies.of("one-more").take(heldBytesPerNodeMax);
  });

  it("take nothing that was refused, and give nothing back twice", () => {
    const bodies = new HeldBodies();
    const call = bodies.of("press-01");
    expect(() => call.take(heldBytesPerNodeMax + 1)).toThrow(refused);
    call.take(heldBytesPerNodeMax);
    call.release();
    call.release();
    bodies.of("press-01").take(heldBytesPerNodeMax);
    expect(() => bodies.of("press-01").take(1)).toThrow(refused);
  });
});
