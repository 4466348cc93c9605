import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Fifo } from "../../src/scheduler/fifo.ts";

describe("a fifo", () => {
  it("gives what came first of what is left, whatever comes, leaves and is sorted", () => {
    const act = fc.tuple(fc.constantFrom("add", "delete", "shift", "sort"), fc.nat(8));
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
        const fifo = new Fifo<number>();
        let model: number[] = [];
        for (const [kind, item] of acts) {
          const [first] = model;
          if (kind === "add" && !model.includes(item)) {
            model.push(item);
            fifo.add(item);
          } else if (kind === "delete") {
            expect(fifo.delete(item)).toBe(model.includes(item));
            model = model.filter((it) => it !== item);
          } else if (kind === "shift" && first !== undefined) {
            fifo.delete(first);
            model.shift();
          } else if (kind === "sort") {
            fifo.sort((a, b) => a - b);
            model.sort((a, b) => a - b);
          }
          expect(fifo.first()).toBe(model[0]);
          expect([...fifo.items]).toEqual(model);
          expect(fifo.size).toBe(model.length);
        }
      }),
    );
  });
});
