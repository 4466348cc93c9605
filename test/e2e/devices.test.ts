import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openPty } from "../../node-agent/host/test/pty.ts";
import { ledgerEntries } from "../kit/ledger-entries.ts";
import { TestMesh } from "../kit/mesh.ts";
import { applySteps, runSteps, stepRunOf } from "../kit/step-runs.ts";

/** A folder that looks as /dev and /sys of a board with a sensor and a PWM chip do. */
function layOutBoard(): string {
  const root = mkdtempSync(join(tmpdir(), "cohort-board-"));
  const files = {
    "sys/bus/iio/devices/iio:device0/name": "accel0\n",
    "sys/bus/iio/devices/iio:device0/in_rms_raw": "9\n",
    "sys/bus/iio/devices/iio:device0/in_rms_scale": "0.5\n",
    "sys/class/pwm/pwmchip0/npwm": "1\n",
    "sys/class/pwm/pwmchip0/pwm0/period": "0\n",
    "sys/class/pwm/pwmchip0/pwm0/duty_cycle": "0\n",
    "sys/class/pwm/pwmchip0/pwm0/enable": "0\n",
    "dev/.keep": "",
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

describe("a step's devices on a compiled agent", () => {
  let mesh: TestMesh;
  let root: string;

  beforeAll(async () => {
    root = layOutBoard();
    mesh = await TestMesh.start();
    await mesh.startAgents({ "board-01": {} }, ["--device-root", root]);
  });

  afterAll(async () => {
    await mesh?.stop();
    rmSync(root, { recursive: true, force: true });
  });

  const cohort = async (...argv: string[]) => {
    const { exit, stdout, stderr } = await mesh.cohort(...argv);
    return { exit, text: stdout + stderr };
  };
  const actuations = async () =>
    (await ledgerEntries(mesh)).flatMap(({ event }) =>
      event?.$case === "deviceActuated" ? [event.value] : [],
    );
  const pwm = (name: string) =>
    readFileSync(join(root, "sys/class/pwm/pwmchip0/pwm0", name), "utf8").trim();

  it("are read by a script as the design has it, once the node was granted them", async () => {
    const sample = `
  - id: sample
    script: |
      export default async ({ device, inputs }) => ({ rms: (await device.iio("accel0").read()).rms });
    grants: { devices: [iio:accel0] }
`;
    const workflow = await applySteps(mesh, sample);
    const run = await mesh.run(workflow);
    const explained = await cohort("run", "explain", run, "sample");
    expect(explained.text).toContain("node grant, wanted: iio:accel0 to read");
    expect(await cohort("node", "grant", "board-01", "iio:accel0", "--access", "read")).toEqual({
      exit: 0,
      text: "steps may read iio:accel0 on board-01\n",
    });
    const { output, instance } = stepRunOf(mesh, await mesh.ended(run));
    expect(output("sample")).toEqual({ rms: 4.5 });
    expect(instance("sample").node).toBe("board-01");
    const shown = await cohort("node", "show", "board-01");
    expect(shown.text).toMatch(/granted +iio:accel0 read\n/);
    expect(shown.text).toMatch(/devices +iio:accel0 pwm:pwmchip0\n/);
  });

  it("are refused by the node where the step goes around the API, by whatever means", async () => {
    await cohort("node", "grant", "board-01", "iio:accel0", "--access", "read");
    await cohort("node", "grant", "board-01", "pwm:pwmchip0", "--access", "read");
    const before = (await actuations()).length;
    const steps = `
  - id: raw
    grants: { devices: [iio:accel0, pwm:pwmchip0] }
    run: |
      ask() { curl -s -o /dev/null -w '%{http_code} ' "$@"; }
      ask "$COHORT_DEVICES/iio/accel0"
      ask "$COHORT_DEVICES/pwm/pwmchip0" -d '{"do":"set","channel":0,"period_ns":9,"duty_ns":1}'
      ask "$COHORT_DEVICES/serial/ttyS0" -d '{"do":"write","bytes":"41"}'
      ask --path-as-is "$COHORT_DEVICES/iio/../pwm/pwmchip0" -d '{"do":"set","channel":0}'
      ask "http://127.0.0.1:7070/llm/v1"
      cat ${root}/sys/class/pwm/pwmchip0/npwm /sys/class/pwm/* /dev/mem 2>/dev/null || echo none
`;
    const { log, run } = await runSteps(mesh, steps);
    expect(run.state).toBe("succeeded");
    expect(await log("raw")).toBe("200 403 403 400 403 none\n");
    expect([pwm("period"), (await actuations()).length]).toEqual(["0", before]);
  });

  it("are actuated after a person said yes, and the ledger has what was written", async () => {
    const granted = await cohort(
      ...["node", "grant", "board-01", "pwm:pwmchip0"],
      ...["--access", "actuate", "--require-approval"],
    );
    expect(granted.exit).toBe(0);
    const drive = (depends: string) => `
  - id: drive
    ${depends}
    grants: { devices: [{ device: "pwm:pwmchip0", access: actuate }] }
    script: |
      export default async ({ device, inputs }: { device: any; inputs: object }) => {
        const channel = device.pwm("pwmchip0", 0);
        await channel.set({ period_ns: 20_000, duty_ns: 5_000 });
        return channel.read();
      };
`;
    await expect(applySteps(mesh, drive(""))).rejects.toMatchObject({
      problems: [{ code: "ACTUATION_UNAPPROVED", line: 8 }],
    });
    const ask = "\n  - { id: ask, approve: { prompt: Drive?, roles: [operator] } }";
    const run = await mesh.run(await applySteps(mesh, ask + drive("depends: [ask]")));
    await mesh.until(async () => (await cohort("approve", run, "ask")).exit === 0);
    const { output } = stepRunOf(mesh, await mesh.ended(run));
    expect(output("drive")).toEqual({ period_ns: 20_000, duty_ns: 5_000, enabled: true });
    expect([pwm("period"), pwm("duty_cycle"), pwm("enable")]).toEqual(["20000", "5000", "1"]);
    const [told] = (await actuations()).filter(({ attempt }) => attempt?.run === run);
    expect(told).toMatchObject({
      node: "board-01",
      attempt: { run, step: "drive" },
      actuated: { device: "pwm:pwmchip0", operation: "set", target: "channel 0" },
    });
    expect(told?.actuated?.sha256).toHaveLength(32);
  });

  it("speak through a serial port, which is the terminal driver's own", async () => {
    const pty = await openPty();
    symlinkSync(pty.path, join(root, "dev/ttyUSB0"));
    await mesh.startAgents({ "board-02": {} }, ["--device-root", root]);
    await cohort("node", "grant", "board-02", "serial:ttyUSB0", "--access", "actuate");
    const steps = `
  - id: ask
    nodes: { select: "node.name == 'board-02'" }
    grants: { devices: [{ device: "serial:ttyUSB0", access: actuate }] }
    script: |
      export default async ({ device }) => {
        const port = device.serial("ttyUSB0", { baud: 115200, timeout_ms: 9000 });
        await port.write("temperature?\\r\\n");
        return new TextDecoder().decode(await port.read({ until: "\\n" })).trim();
      };
`;
    const run = await mesh.run(await applySteps(mesh, steps));
    expect(await pty.received(14)).toBe("temperature?\r\n");
    pty.send("21.5 C\r\n");
    const { output } = stepRunOf(mesh, await mesh.ended(run));
    expect(output("ask")).toBe("21.5 C");
  });
});
