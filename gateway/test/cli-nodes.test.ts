import { Node } from "@cohort/proto/gen/cohort/console";
import { describe, expect, it } from "vitest";
import { useCli } from "./kit/cli.ts";

const cli = useCli();
const { run } = cli;

describe("cohort run explain", () => {
  const explanation = {
    run: "01RUN",
    step: "sample",
    state: "running",
    reasons: [{ code: "max-concurrent", text: "1 of 2 instances wait for their turn" }],
    instances: [
      {
        instance: 0,
        state: "queued",
        reason: { code: "waits-for-node", text: "waits for a node that fits" },
        queue: { priority: 0, position: 3, waiting: 7, sinceMs: 5 },
      },
    ],
    instancesLeftOut: 1,
    nodes: [
      {
        code: "arch",
        wanted: "arm64",
        count: 4,
        nodes: [{ node: "edge-1", detail: "x86_64\u001b[2J" }],
      },
    ],
  };

  it("says why for people, and all of it as JSON", async () => {
    cli.fake.handlers["Runs.explain"] = () => explanation;
    const { status, stdout } = await run(["run", "explain", "01RUN", "sample"]);
    expect(status).toBe(0);
    expect(stdout).toContain("  1 of 2 instances wait for their turn\n");
    expect(stdout).toContain("number 3 of its workflow at priority 0; 7 wait for the same nodes");
    expect(stdout).toContain("  4 ruled out (arch, wanted: arm64)\n    edge-1: x86_64\\x1b[2J\n");
    expect(stdout).toContain("    and 3 more (--all)\n");
    const json = await run(["run", "explain", "01RUN", "sample", "--all", "-o", "json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({
      instances: [{ code: "waits-for-node", queue: { position: 3 } }],
      instances_left_out: 1,
      nodes: [{ code: "arch", wanted: "arm64", count: 4 }],
    });
    expect(cli.fake.requests.map(({ request }) => request)).toEqual([
      { run: "01RUN", step: "sample", all: false },
      { run: "01RUN", step: "sample", all: true },
    ]);
  });

  it("wants a run and a step, and leaves starting runs as it was", async () => {
    expect((await run(["run", "explain", "01RUN"])).status).toBe(2);
    cli.fake.handlers["Runs.start"] = () => ({ run: "01RUN", existing: false });
    expect((await run(["run", "explained"])).stdout).toBe("01RUN\n");
  });
});

describe("cohort node drain", () => {
  const node = (running: number, cordon: object | undefined) =>
    Node.fromPartial({
      node: "edge-1",
      state: "connected",
      running,
      ...(cordon === undefined ? {} : { cordon }),
    });

  it("asks for five minutes, tells what still runs, and ends when nothing does", async () => {
    cli.fake.handlers["Nodes.drain"] = () => ({ changed: true });
    cli.fake.handlers["Nodes.watch"] = () => [
      node(2, { drainByMs: 5 }),
      node(1, { drainByMs: 5 }),
      node(0, { drainByMs: 5, drainedMs: 4 }),
    ];
    const { status, stdout, stderr } = await run(["node", "drain", "edge-1", "--reason", "fan"]);
    expect([status, stdout]).toEqual([0, "edge-1 is drained: nothing runs there\n"]);
    expect(stderr).toMatch(/still runs 2[^\n]*\n[^\n]*still runs 1[^\n]*\n$/);
    expect(cli.fake.requests[0]?.request).toEqual({
      node: "edge-1",
      reason: "fan",
      deadlineMs: 300_000,
    });
  });

  it("says that somebody uncordoned the node before it was drained", async () => {
    cli.fake.handlers["Nodes.drain"] = () => ({ changed: true });
    cli.fake.handlers["Nodes.watch"] = () => [node(2, { drainByMs: 5 }), node(2, undefined)];
    const { status, stderr } = await run(["node", "drain", "edge-1"]);
    expect(status).toBe(4);
    expect(stderr).toContain("NODE_UNCORDONED");
  });

  it("refuses a deadline that is no duration, and asks nobody", async () => {
    const { status } = await run(["node", "drain", "edge-1", "--deadline", "soon"]);
    expect([status, cli.fake.requests]).toEqual([2, []]);
  });
});

describe("cohort node cordon and uncordon", () => {
  it.each([
    ["cordon", true, "edge-1 is given no new work\n"],
    ["cordon", false, "edge-1 was cordoned already\n"],
    ["uncordon", true, "edge-1 is given work again\n"],
    ["uncordon", false, "edge-1 was not cordoned\n"],
  ])("%s tells whether it changed anything: %s", async (command, changed, text) => {
    cli.fake.handlers[`Nodes.${command}`] = () => ({ changed });
    const { status, stdout } = await run(["node", command, "edge-1"]);
    expect([status, stdout]).toEqual([0, text]);
  });

  it("shows in the list of nodes why one is given no work", async () => {
    const cordon = { reason: "fan broken", actor: "operator", sinceMs: 1 };
    cli.fake.handlers["Nodes.list"] = () => ({
      nodes: [
        Node.fromPartial({ node: "edge-1", state: "connected", cordon }),
        Node.fromPartial({ node: "edge-2", state: "connected" }),
      ],
    });
    const { stdout } = await run(["nodes"]);
    expect(stdout).toContain("cordoned: fan broken");
    const { nodes } = JSON.parse((await run(["nodes", "-o", "json"])).stdout) as {
      nodes: { cordon: unknown }[];
    };
    expect(nodes.map((it) => it.cordon)).toEqual([
      { reason: "fan broken", actor: "operator", since_ms: 1, drain_by_ms: null, drained_ms: null },
      null,
    ]);
  });
});

describe("cohort node invite", () => {
  const invite = (...argv: readonly string[]) => {
    cli.fake.handlers["Nodes.invite"] = () => ({ joinToken: "cohort-join-1.x", expiresMs: 5 });
    return run(["node", "invite", "--name", "edge-1", ...argv]);
  };

  it("prints one line alone on stdout, to be pasted on the board", async () => {
    const { stdout, stderr } = await invite("--label", "line=1", "press=7");
    expect(stdout).toBe(
      "printf '%s\\n' 'cohort-join-1.x' | cohort-agent join - --data /var/lib/cohort\n",
    );
    expect(stderr).toContain("once, until");
    expect(cli.fake.requests[0]?.request).toEqual({
      name: "edge-1",
      labels: { line: "1", press: "7" },
    });
  });

  it("gives programs the token, the line and its end", async () => {
    const { stdout } = await invite("--data", "/srv/agent", "-o", "json");
    expect(JSON.parse(stdout)).toEqual({
      join_token: "cohort-join-1.x",
      line: "printf '%s\\n' 'cohort-join-1.x' | cohort-agent join - --data /srv/agent",
      expires_ms: 5,
    });
  });

  it.each(["data", "/data; reboot", "/data folder", "/data'"])(
    "refuses the folder %s, which a shell could take for more, and asks nobody",
    async (data) => {
      const { status, stderr } = await invite("--data", data);
      expect([status, stderr, cli.fake.requests]).toEqual([2, expect.stringMatching(/^USAGE/), []]);
    },
  );
});

describe("cohort node revoke", () => {
  const ended = [{ run: "01RUN", step: "sample", instance: 0, attempt: 1 }];

  it.each([
    [{ changed: true, what: "node", ended }, "edge-1 is revoked; 1 ended that ran there\n"],
    [{ changed: true, what: "node", ended: [] }, "edge-1 is revoked; nothing ran there\n"],
    [{ changed: false, what: "node", ended: [] }, "edge-1 was revoked already\n"],
    [
      { changed: true, what: "invite", ended: [] },
      "the join token of edge-1 opens nothing any more\n",
    ],
  ])("says what became of the node: %j", async (reply, result) => {
    cli.fake.handlers["Nodes.revoke"] = () => reply;
    const { status, stdout } = await run(["node", "revoke", "edge-1", "--reason", "stolen"]);
    expect([status, stdout]).toEqual([0, result]);
    expect(cli.fake.requests[0]?.request).toEqual({ node: "edge-1", reason: "stolen" });
  });

  it("names the attempts to programs", async () => {
    cli.fake.handlers["Nodes.revoke"] = () => ({ changed: true, what: "node", ended });
    const { stdout } = await run(["node", "revoke", "edge-1", "-o", "json"]);
    expect(JSON.parse(stdout)).toEqual({ node: "edge-1", what: "node", changed: true, ended });
  });
});

describe("cohort node rotate", () => {
  it.each([
    [true, "edge-1 is asked for other keys; `cohort node show edge-1` tells how far it is\n"],
    [false, "edge-1 was asked for other keys already\n"],
  ])("asks, and says whether that is news: %j", async (changed, result) => {
    cli.fake.handlers["Nodes.rotate"] = () => ({ changed });
    const { status, stdout } = await run(["node", "rotate", "edge-1"]);
    expect([status, stdout]).toEqual([0, result]);
    expect(cli.fake.requests[0]?.request).toEqual({ node: "edge-1" });
  });
});

describe("cohort node set", () => {
  it.each([
    ["2", 2, "edge-1 is given 2 attempts at once at most\n"],
    ["all", 0, "edge-1 is given as many attempts as it has slots\n"],
  ])("--slots %s asks for %i", async (text, slots, result) => {
    cli.fake.handlers["Nodes.setSlots"] = () => ({ changed: true });
    const { status, stdout } = await run(["node", "set", "edge-1", "--slots", text]);
    expect([status, stdout]).toEqual([0, result]);
    expect(cli.fake.requests[0]?.request).toEqual({ node: "edge-1", slots });
  });

  it.each(["0", "-1", "few", "1.5"])("refuses %s slots, and asks nobody", async (slots) => {
    const { status } = await run(["node", "set", "edge-1", `--slots=${slots}`]);
    expect([status, cli.fake.requests]).toEqual([2, []]);
  });
});

describe("cohort node label", () => {
  it("sets and removes labels in one request", async () => {
    cli.fake.handlers["Nodes.label"] = () => ({ changed: true });
    const { status, stdout } = await run(["node", "label", "edge-1", "line=3", "zone-", "x=a=b-"]);
    expect([status, stdout]).toEqual([0, "edge-1 is labelled anew\n"]);
    expect(cli.fake.requests[0]?.request).toEqual({
      node: "edge-1",
      set: { line: "3", x: "a=b-" },
      remove: ["zone"],
    });
  });

  it.each([[["line"]], [["=3"]], [["line=1", "line=2"]], [["line=1", "line-"]]])(
    "refuses %s without asking",
    async (changes) => {
      expect((await run(["node", "label", "edge-1", ...changes])).status).toBe(2);
      expect(cli.fake.requests).toEqual([]);
    },
  );
});

describe("cohort node show", () => {
  const facts = {
    version: "0.2.0",
    arch: "riscv64",
    kernel: "6.12",
    hostname: "b\u001b[2J",
    isolation: "strict",
    memoryBytes: 128 * 1024 ** 2,
    models: ["llama.gguf"],
    temperatureCelsius: -3,
    diskBytes: 2 * 1024 ** 3,
    diskFreeBytes: 1024 ** 3,
  };
  const edge = Node.fromPartial({
    node: "edge-1",
    state: "connected",
    labels: { line: "3" },
    facts,
  });

  it("tells all that is known of the node, and hides no control character", async () => {
    cli.fake.handlers["Nodes.list"] = () => ({ nodes: [edge] });
    const { stdout } = await run(["node", "show", "edge-1"]);
    expect(stdout).toContain("labels       line=3\n");
    expect(stdout).toContain("machine      b\\x1b[2J, riscv64, kernel 6.12\n");
    expect(stdout).toContain("disk         1024 MiB free of 2048 MiB\n");
    expect(stdout).toContain("temperature  -3 °C\n");
    const json = await run(["node", "show", "edge-1", "-o", "json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({
      node: "edge-1",
      facts: { version: "0.2.0", models: ["llama.gguf"], temperature_celsius: -3 },
    });
    expect((await run(["node", "list"])).stdout).toMatch(/edge-1 +connected +0\.2\.0 +riscv64/);
  });

  it("refuses a node that nobody knows", async () => {
    cli.fake.handlers["Nodes.list"] = () => ({ nodes: [edge] });
    expect((await run(["node", "show", "edge-2"])).status).toBe(4);
  });
});

describe("cohort node grant", () => {
  it("says what steps may do from now on, and asks for exactly that", async () => {
    cli.fake.handlers["Nodes.grantDevice"] = () => ({ changed: true });
    const argv = ["node", "grant", "edge-1", "gpio:gpiochip0", "--access", "actuate"];
    const { status, stdout } = await run([...argv, "--lines", "3,4", "--require-approval"]);
    expect([status, stdout]).toEqual([
      0,
      "steps may actuate gpio:gpiochip0 on edge-1, after an approval\n",
    ]);
    expect(cli.fake.requests[0]?.request).toEqual({
      node: "edge-1",
      grant: { device: "gpio:gpiochip0", access: "actuate", lines: [3, 4] },
      requireApproval: true,
    });
  });

  it("wants an access, and lines that are numbers", async () => {
    expect((await run(["node", "grant", "edge-1", "iio:accel0"])).status).toBe(2);
    const argv = ["node", "grant", "edge-1", "gpio:gpiochip0", "--access", "read", "--lines"];
    for (const lines of ["3-4", "", "3,", "x"]) {
      expect((await run([...argv, lines])).status).toBe(2);
    }
    expect(cli.fake.requests).toEqual([]);
  });

  it("is taken back by ungrant, and shown with the node", async () => {
    cli.fake.handlers["Nodes.ungrantDevice"] = () => ({ changed: true });
    const { stdout } = await run(["node", "ungrant", "edge-1", "iio:accel0"]);
    expect(stdout).toBe("no further step may use iio:accel0 on edge-1\n");
    const grant = { device: "gpio:gpiochip0", access: "actuate", lines: [3, 4] };
    const node = Node.fromPartial({
      node: "edge-1",
      deviceGrants: [{ grant, requireApproval: true, actor: "ann", sinceMs: 5 }],
    });
    cli.fake.handlers["Nodes.list"] = () => ({ nodes: [node] });
    const shown = await run(["node", "show", "edge-1"]);
    expect(shown.stdout).toContain("gpio:gpiochip0 actuate, lines 3 4, after an approval\n");
    const json = await run(["node", "show", "edge-1", "-o", "json"]);
    expect(JSON.parse(json.stdout)["device_grants"]).toEqual([
      { ...grant, require_approval: true, actor: "ann", since_ms: 5 },
    ]);
  });
});
