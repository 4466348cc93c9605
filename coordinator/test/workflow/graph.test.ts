import * as fc from "fast-check";
import { describe, it } from "vitest";
import { findCycle, type GraphStep } from "../../src/workflow/graph.ts";

const acyclic = fc.array(fc.array(fc.nat()), { maxLength: 30 }).map((edges): GraphStep[] =>
  edges.map((targets, at) => ({
    id: `s${at}`,
    depends: at === 0 ? [] : [...new Set(targets.map((target) => `s${target % at}`))],
  })),
);

describe("findCycle", () => {
  it("finds none in a graph whose edges all point backwards", () => {
    fc.assert(fc.property(acyclic, (steps) => findCycle(steps) === null));
  });

  it("finds a true cycle once a forward edge closes one", () => {
    fc.assert(
      fc.property(
        acyclic.filter((steps) => steps.length >= 2),
        (steps) => {
          const chained = steps.map((step, at) =>
            at === 0 ? step : { ...step, depends: [...new Set([...step.depends, `s${at - 1}`])] },
          );
          const last = chained.length - 1;
          const closed = chained.map((step, at) =>
            at === 0 ? { ...step, depends: [`s${last}`] } : step,
          );
          const cycle = findCycle(closed) as string[];
          const byId = new Map(closed.map((step) => [step.id, step]));
          return cycle.every((id, at) =>
            byId.get(id)?.depends.includes(cycle[(at + 1) % cycle.length] as string),
          );
        },
      ),
    );
  });
});
