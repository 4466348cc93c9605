import type { Entry } from "@cohort/proto/gen/cohort/ledger";
import { attemptId } from "@cohort/proto/proof";
import { describe, expect, it } from "vitest";
import { decideCordon, decideUncordon } from "../../coordinator/src/fleet/decide-cordon.ts";
import { decideGrant } from "../../coordinator/src/fleet/decide-devices.ts";
import { PretendedDevices } from "../../node-agent/node/pretended-devices.ts";
import { ScriptedMesh } from "./scripted-mesh.ts";
import { attemptOf, type Play, type PlayOptions } from "./step-play.ts";

const secondMs = 1_000;
const minuteMs = 60_000;
const slowMs = 180_000;
const lineBytes = 2_048;
const lineOf = (line: number) => `${String(line).padEnd(lineBytes - 1, ".")}\n`;

const onPress = "timeout: 3h, nodes: { select: 'node.name == \"press\"' }";
const valve = '{ device: "gpio:gpiochip0", access: actuate }';
const workflow = (name: string, settings: string, more = "") =>
  `kind: workflow\nname: ${name}\nsteps:\n  - { id: ${name}, run: work, ${settings} }${more}`;

const resources = [
  `kind: service
name: free
base_url: https://free.example.com
auth: { type: none }
allow: [{ methods: [GET], path: /items }]
pricing: { per_call: 0 USD }`,
  workflow("counts", onPress, `\n  - { id: after, depends: [counts], run: work, ${onPress} }`),
  workflow("floods", onPress),
  workflow("calls", `${onPress}, grants: { services: [free] }`),
  workflow("turns", `${onPress}, grants: { devices: [${valve}] }`),
  workflow("fails", `${onPress}, on_disconnect: fail, lost_after: 2m`),
  workflow("moves", "timeout: 3h, on_disconnect: move, lost_after: 2m"),
  workflow("elsewhere", "nodes: { select: 'node.name == \"spare\"' }"),
].join("\n---\n");

/** What a call is answered that has reached the simulated service, or its coordinator's way to it. */
const ofService = ["200", "503", "504 UPSTREAM_TIMEOUT"];

/** What the steps do, by their ids. */
const plays: Readonly<Record<string, (options: PlayOptions) => Promise<void>>> = {
  counts: async ({ step, clock }) => {
    for (let line = 0; line < 30; line++) {
      step.write(1, `minute ${line}\n`);
      await clock.sleep(minuteMs);
    }
  },
  // More than the journal holds of logs, many times over.
  floods: async ({ step, clock }) => {
    for (let line = 0; line < 45 * 60; line++) {
      step.write(1, lineOf(line));
      await clock.sleep(secondMs);
    }
  },
  turns: async (options) => {
    for (let turn = 0; turn < 6; turn++) {
      const body = JSON.stringify({ do: "write", line: 3, value: turn % 2 });
      options.step.write(1, `${await ask(options, "POST /.devices/gpio/gpiochip0", body)}\n`);
      await options.clock.sleep(8 * minuteMs);
    }
  },
  calls: async (options) => {
    const endMs = options.clock.nowMs + 75 * minuteMs;
    for (let before = ""; options.clock.nowMs < endMs; await options.clock.sleep(secondMs)) {
      const answer = await ask(options, "GET /free/items", "");
      const now = ofService.includes(answer) ? "the service" : answer;
      if (now !== before) options.step.write(1, `${now}\n`);
      before = now;
    }
  },
  fails: ({ clock }) => clock.sleep(20 * minuteMs),
  moves: ({ clock }) => clock.sleep(20 * minuteMs),
  elsewhere: ({ clock }) => clock.sleep(secondMs),
  after: ({ clock }) => clock.sleep(secondMs),
};

const play: Play = async (options) => {
  const attempt = attemptOf(options.step.spec.environment);
  await plays[attempt.step]?.(options);
  const output = { attempt: attemptId(attempt) };
  options.step.leave("output.json", new TextEncoder().encode(JSON.stringify(output)));
  return { code: 0 };
};

/** What a step is answered at its loopback: the status, and the code of a problem. */
async function ask({ step }: PlayOptions, request: string, body: string): Promise<string> {
  const socket = step.connect();
  const head = `${request} HTTP/1.1\r\nhost: x\r\nconnection: close`;
  const text = `${head}\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  await socket.write(new TextEncoder().encode(text));
  let answer = "";
  for (let piece = await socket.read(); piece !== null; piece = await socket.read()) {
    answer += new TextDecoder().decode(piece);
  }
  socket.close();
  const status = /^HTTP\/1.1 (\d+)/.exec(answer)?.[1];
  return `${status} ${/"code":"(\w+)"/.exec(answer)?.[1] ?? ""}`.trim();
}

interface Played {
  readonly mesh: ScriptedMesh;
  readonly runs: Readonly<Record<string, string>>;
  readonly entries: readonly Entry[];
}

/** An hour without the node: what ran there, and what followed. `during` is after half of it. */
async function anHour(
  cut: (mesh: ScriptedMesh) => void,
  during: (mesh: ScriptedMesh) => Promise<void> = async () => {},
): Promise<Played> {
  const devices = new PretendedDevices(["/dev/gpiochip0"]);
  const mesh = new ScriptedMesh("offline", [
    { name: "press", slots: 8, play, devices },
    { name: "spare", slots: 8, play },
  ]);
  const runs: Record<string, string> = {};
  await mesh.play(async () => {
    await mesh.apply(resources);
    const grant = { device: "gpio:gpiochip0", access: "actuate", lines: [] };
    const granted = { node: "press", grant, requireApproval: false, actor: "operator" };
    await mesh.decide(({ fleet }) => decideGrant(fleet, granted));
    // So that what may run anywhere begins on the node that will be away.
    const spare = { node: "spare", reason: "", actor: "operator" };
    await mesh.decide(({ fleet }) => decideCordon(fleet, spare));
    for (const name of ["counts", "floods", "calls", "turns", "fails", "moves"]) {
      runs[name] = await mesh.start(name);
    }
    await mesh.pass(10 * secondMs);
    await mesh.decide(({ fleet }) => decideUncordon(fleet, spare));
    cut(mesh);
    await mesh.pass(30 * minuteMs);
    await during(mesh);
    runs["elsewhere"] = await mesh.start("elsewhere");
    await mesh.pass(10 * secondMs);
    expect(mesh.coordinator.state.runs.active.has(runs["elsewhere"])).toBe(false);
    await mesh.pass(30 * minuteMs - 10 * secondMs);
    expect(mesh.coordinator.state.fleet.nodes.get("press")?.state).toBe("disconnected");
    mesh.network.setLink("press", true, true);
    await mesh.pass(20 * minuteMs);
  });
  return { mesh, runs, entries: [...mesh.coordinator.log.entries(1)] };
}

/** How the attempts of a run ended: step, attempt, node's or coordinator's word, in order. */
function endsOf({ entries }: Played, run: string | undefined): string[] {
  return entries.flatMap(({ event }) => {
    if (event?.$case !== "attemptEnded" || event.value.attempt?.run !== run) return [];
    const { attempt, result } = event.value;
    return [`${attempt?.step}/${attempt?.attempt} ${result?.outcome} ${result?.code}`.trim()];
  });
}

function outcomeOf({ entries }: Played, run: string | undefined): string {
  const ends = entries.flatMap(({ event }) =>
    event?.$case === "runEnded" && event.value.run === run ? [event.value.outcome] : [],
  );
  return ends.join();
}

/** All that is kept of what a run's only step wrote; what is missing is said in its place. */
function outputOf({ mesh }: Played, run: string | undefined, step: string): string {
  let end = 0;
  const pieces = mesh.output(run ?? "", step).map(({ offset, text }) => {
    const missing = offset - end;
    end = offset + text.length;
    return missing === 0 ? text : `(${missing} missing)${text}`;
  });
  return pieces.join("");
}

function actuations({ entries }: Played): string[] {
  return entries.flatMap(({ event }) =>
    event?.$case === "deviceActuated" ? [event.value.actuated?.target ?? ""] : [],
  );
}

const silent = (mesh: ScriptedMesh) => mesh.network.setLink("press", false, false);
const breaks = (mesh: ScriptedMesh) => {
  silent(mesh);
  mesh.network.cut("press", "by the script");
};
const ways: readonly [string, Parameters<typeof anHour>[0], Parameters<typeof anHour>[1]][] = [
  ["falls silent", silent, undefined],
  ["carries answers alone", (mesh) => mesh.network.setLink("press", false, true), undefined],
  ["breaks, while the coordinator is killed,", breaks, (mesh) => mesh.restartCoordinator()],
];

describe.each(ways)("a node whose connection %s for an hour", (_way, cut, during) => {
  it(
    "finishes what it has and reconciles: each result once, what steps wrote, tokens renewed",
    async () => {
      const played = await anHour(cut, during);
      const { counts, floods, calls, turns, fails, moves, elsewhere } = played.runs;
      const ends = (run: string | undefined) => [...endsOf(played, run), outcomeOf(played, run)];

      // Where a step waits for its node, what it did there counts, and the run goes on from it.
      expect(ends(counts)).toEqual(["counts/1 succeeded", "after/1 succeeded", "succeeded"]);
      expect(ends(floods)).toEqual(["floods/1 succeeded", "succeeded"]);
      expect(ends(calls)).toEqual(["calls/1 succeeded", "succeeded"]);
      expect(ends(turns)).toEqual(["turns/1 succeeded", "succeeded"]);
      // Where it does not, what comes of the first attempt an hour later changes nothing.
      expect(ends(fails)).toEqual(["fails/1 failed NODE_DISCONNECTED", "failed"]);
      expect(ends(moves)).toEqual(["moves/1 failed NODE_LOST", "moves/2 succeeded", "succeeded"]);
      expect(ends(elsewhere)).toEqual(["elsewhere/1 succeeded", "succeeded"]);

      const minutes = Array.from({ length: 30 }, (_, minute) => `minute ${minute}\n`);
      expect(outputOf(played, counts, "counts")).toBe(minutes.join(""));
      expect(outputOf(played, turns, "turns")).toBe("200\n".repeat(6));
      expect(actuations(played)).toEqual(Array.from({ length: 6 }, () => "line 3"));

      const flood = outputOf(played, floods, "floods");
      const missing = [...flood.matchAll(/\((\d+) missing\)/g)].map((it) => Number(it[1]));
      const kept = flood.replace(/\(\d+ missing\)/g, "").length;
      expect(missing.reduce((sum, bytes) => sum + bytes, 0)).toBe(45 * 60 * lineBytes - kept);
      expect(missing).toHaveLength(1);
      expect(flood.startsWith(lineOf(0))).toBe(true);
      expect(flood.endsWith(lineOf(45 * 60 - 1))).toBe(true);

      // Unreachable for an hour, during which its token expired; then served again at once.
      const answers = outputOf(played, calls, "calls").trim().split("\n");
      expect(answers.filter((it) => it !== "502 CALL_UNCERTAIN")).toEqual([
        "the service",
        "503 UNREACHABLE",
        "the service",
      ]);
    },
    slowMs,
  );
});
