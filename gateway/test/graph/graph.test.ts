import { GraphReply } from "@cohort/proto/gen/cohort/console";
import { describe, expect, it } from "vitest";
import { levelsOf } from "../../console/cli/graph/levels.ts";
import { mermaid } from "../../console/cli/graph/mermaid.ts";

const graph = (steps: Parameters<typeof GraphReply.fromPartial>[0]["steps"]) =>
  GraphReply.fromPartial({ workflow: "w", steps: steps ?? [] });

describe("levels", () => {
  it("put a step below everything that it waits for, by whatever way", () => {
    const { steps } = graph([
      { step: "d", depends: ["c", "a"] },
      { step: "a" },
      { step: "b", depends: ["a"] },
      { step: "c", depends: ["b"] },
    ]);
    expect(Object.fromEntries(levelsOf(steps))).toEqual({ a: 0, b: 1, c: 2, d: 3 });
  });

  it("are found for a chain of ten thousand", () => {
    const steps = Array.from({ length: 10_000 }, (_, at) => ({
      step: `s${at}`,
      depends: at === 0 ? [] : [`s${at - 1}`],
    }));
    expect(levelsOf(graph(steps).steps).get("s9999")).toBe(9999);
  });
});

describe("a Mermaid flowchart", () => {
  it("groups steps by phase, and draws a condition over ends dotted", () => {
    const text = mermaid(
      graph([
        { step: "a", phase: "steps", kind: "run", instances: "all nodes" },
        { step: "b", phase: "steps", kind: "call", depends: ["a"], dependsCondition: "a.failed" },
        { step: "c", phase: "finally", kind: "run" },
      ]),
    );
    expect(text).toBe(`---
title: "w"
---
flowchart TD
  subgraph p0["steps"]
    s0["a<br/>run, all nodes"]
    s1["b<br/>call<br/>when a.failed"]
  end
  subgraph p1["finally"]
    s2["c<br/>run"]
  end
  s0 -.-> s1
  p0 ==> p1`);
  });

  it.each([
    '"] --> evil["x',
    "<img src=x onerror=alert(1)>",
    "a\nend\n  click s0 call evil()",
    "%%{init: {'securityLevel': 'loose'}}%%",
    "`**markdown**`",
    "#quot;",
    "\u2028 ]] }} )) \\",
  ])("lets %j out of no label", (condition) => {
    const text = mermaid(graph([{ step: "a", phase: "steps", kind: "run", condition }]));
    const label = /^ {4}s0\["a<br\/>run<br\/>if ([^\n]*)"\]$/m.exec(text)?.[1] ?? "";
    expect(label).toMatch(/^(?:[A-Za-z0-9 _.,-]|#\d+;)+$/);
    expect(text.split("\n")).toHaveLength(7);
  });
});
