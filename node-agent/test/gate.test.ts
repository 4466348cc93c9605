import { describe, expect, it } from "vitest";
import { Gate } from "../src/gate.ts";

describe("a gate", () => {
  it("lets in as many as it has places, and the others in their order", async () => {
    const gate = new Gate(2);
    const inside: number[] = [];
    const leaves: (() => void)[] = [];
    for (let guest = 0; guest < 5; guest++) {
      void gate.enter().then((leave) => {
        inside.push(guest);
        leaves.push(leave);
      });
    }
    const settle = () => new Promise((resolve) => setTimeout(resolve, 1));
    await settle();
    expect(inside).toEqual([0, 1]);
    leaves.shift()?.();
    await settle();
    expect(inside).toEqual([0, 1, 2]);
    while (leaves.length > 0) {
      leaves.shift()?.();
      await settle();
    }
    expect(inside).toEqual([0, 1, 2, 3, 4]);
  });
});
