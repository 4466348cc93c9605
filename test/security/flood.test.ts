import { type AttemptKey, EventAck, EventBatch } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { meshLimits } from "../../coordinator/src/mesh/limits.ts";
import { agentLimits } from "../../node-agent/src/limits.ts";
import { TestMesh } from "../kit/mesh.ts";
import { RogueNode } from "../kit/rogue-node.ts";

const shoutedBytes = 4_000_000;

const workflows = `kind: workflow
name: flood
steps:
  - { id: flood, nodes: { select: 'node.name == "flooder"' }, command: ["true"] }
---
kind: workflow
name: talk
steps:
  - id: talk
    nodes: { select: 'node.name == "press-01"' }
    run: |
      for n in $(seq 1 100); do echo "line $n"; sleep 0.02; done
      echo '{"said":100}' > $COHORT_OUTPUT
---
kind: workflow
name: shout
steps:
  - { id: shout, nodes: { select: 'node.name == "press-01"' }, timeout: 2m, run: "yes | head -c ${shoutedBytes}" }
`;

let mesh: TestMesh;
let rogue: RogueNode;

beforeAll(async () => {
  mesh = await TestMesh.start();
  await mesh.apply([{ path: "flood.yaml", text: workflows }]);
  await mesh.startAgents({ "press-01": {} }, ["--slots", "4"]);
  rogue = await RogueNode.start(mesh, "flooder");
});
afterAll(async () => {
  await rogue?.close();
  await mesh?.stop();
});

const chunk = Buffer.alloc(limits.logChunkBytesMax, "x\n");
const batchBytes = chunk.length * 32;

/** Half a megabyte of output, as it would be if the attempt had written without end. */
function batch(attempt: AttemptKey, at: number): Uint8Array {
  const events = Array.from({ length: 32 }, (_, index) => ({
    ...{ seq: at * 32 + index + 1, atMs: 1, attempt },
    event: {
      $case: "log" as const,
      value: { stream: 1, offset: at * batchBytes + index * chunk.length, data: chunk },
    },
  }));
  return EventBatch.encode({ events }).finish();
}

/** Sends and sends, more at once than any node may, until `isOver`. */
async function flood(attempt: AttemptKey, isOver: () => boolean) {
  const answers = { taken: 0, refused: 0 };
  let sent = 0;
  const lane = async () => {
    while (!isOver()) {
      const answer = EventAck.decode(await rogue.ask("events", batch(attempt, sent++)));
      if (answer.problems.length === 0) answers.taken += 1;
      else answers.refused += 1;
    }
  };
  await Promise.all(Array.from({ length: 8 }, lane));
  return answers;
}

async function outputOf(run: string): Promise<string> {
  const { runs } = mesh.client;
  const request = { run, step: "", follow: false, after: 0 };
  const pieces: Buffer[] = [];
  for await (const line of mesh.client.stream(runs, runs.logs, request)) {
    pieces.push(Buffer.from(line.data));
  }
  return Buffer.concat(pieces).toString();
}

const hundredLines = Array.from({ length: 100 }, (_, at) => `line ${at + 1}\n`).join("");

describe("a node that floods with output", () => {
  it("is held to its rate, while results and output of others come through (107, 122)", async () => {
    const flooding = await mesh.run("flood");
    const { attempt } = await rogue.assigned(flooding, "flood");
    let over = false;
    const beganMs = performance.now();
    const answered = flood(attempt, () => over);
    for (let round = 0; round < 2; round++) {
      const run = await mesh.ended(await mesh.run("talk"));
      expect(run.state).toBe("succeeded");
      expect(run.steps[0]?.instances[0]?.outputJson).toBe('{"said":100}');
      expect(await outputOf(run.run)).toBe(hundredLines);
    }
    over = true;
    const { taken, refused } = await answered;
    const seconds = (performance.now() - beganMs) / 1000;
    const { eventBytesPerSecondMax: rate, eventBurstBytesMax: burst } = meshLimits;
    expect(taken * batchBytes).toBeGreaterThan(burst / 2);
    expect(taken * batchBytes).toBeLessThanOrEqual(burst + rate * seconds);
    expect(refused).toBeGreaterThan(0);
    // What it has to say of its own work is taken all the same.
    await mesh.until(async () => (await rogue.finish(attempt, "succeeded")).problems.length === 0);
    expect((await mesh.ended(flooding)).state).toBe("succeeded");
  });

  it("by one of its steps slows that step, and costs the others on it nothing (107)", async () => {
    const shouting = await mesh.run("shout");
    const run = await mesh.ended(await mesh.run("talk"));
    expect(run.state).toBe("succeeded");
    expect(await outputOf(run.run)).toBe(hundredLines);
    const [shout] = (await mesh.ended(shouting)).steps[0]?.instances ?? [];
    const { stepLogBytesPerSecondMax: rate, stepLogBurstBytesMax: burst } = agentLimits;
    expect(shout?.state).toBe("succeeded");
    expect(shout?.usage?.wallMs).toBeGreaterThan(((shoutedBytes - burst) / rate) * 900);
    const output = await outputOf(shouting);
    expect(output.length).toBe(shoutedBytes);
    expect(output.replaceAll("y\n", "")).toBe("");
  });
});
