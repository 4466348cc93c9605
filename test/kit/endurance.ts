import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Instance, LogLine, Run } from "@cohort/proto/gen/cohort/console";
import { expect } from "vitest";
import { faultsOf, readLedger } from "./history.ts";
import { TestMesh } from "./mesh.ts";
import { SlowDesk } from "./slow-desk.ts";

/** A shell step, a script on both boards of the press, a slow call: something to be killed in. */
const workflow = `
kind: workflow
name: endurance
inputs: { mark: { type: string } }
steps:
  - id: measure
    nodes: { select: "node.name == 'gateway-box-01'" }
    env: { MARK: "\${{ inputs.mark }}" }
    run: |
      for line in 1 2 3 4; do echo "$MARK $line"; sleep 0.3; done
      printf '{"mark":"%s","attempt":%s}' "$MARK" "$COHORT_ATTEMPT" > "$COHORT_OUTPUT"
  - id: sample
    depends: [measure]
    nodes: { select: "node.labels.role == 'press'", count: all }
    script: |
      export default async ({ inputs, node, log, sleep }) => {
        log(inputs.mark, "begins");
        await sleep(800);
        log(inputs.mark, "ends");
        return { board: node.name };
      };
  - id: ticket
    depends: [sample]
    call:
      service: desk
      method: POST
      path: /tickets
      json: { title: "\${{ inputs.mark }}", boards: "\${{ steps.sample.outputs }}" }
`;

/** A mesh that runs `endurance`, and the desk that it calls. */
export class EnduranceMesh {
  private constructor(
    readonly mesh: TestMesh,
    readonly desk: SlowDesk,
    readonly folder: string,
  ) {}

  static async start(): Promise<EnduranceMesh> {
    const mesh = await TestMesh.start();
    const folder = mkdtempSync(join(tmpdir(), "cohort-desk-"));
    const it = new EnduranceMesh(mesh, await SlowDesk.start(folder), folder);
    const { secrets } = mesh.client;
    const value = Buffer.from(it.desk.apiKey);
    await mesh.client.call(secrets, secrets.set, { path: "desk/api-key", value, services: [] });
    await mesh.apply([...it.desk.files, { path: "endurance.yaml", text: workflow }]);
    await mesh.startAgents();
    return it;
  }

  async stop(): Promise<void> {
    await this.mesh.stop();
    this.desk.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  begin(mark: string): Promise<string> {
    return this.mesh.run("endurance", { mark });
  }

  /** Waits until every instance of the step is well on its way. */
  async untilRuns(run: string, step: string): Promise<void> {
    await this.mesh.until(async () => {
      const { steps } = await this.mesh.getRun(run);
      const instances = steps.find((it) => it.step === step)?.instances ?? [];
      return instances.length > 0 && instances.every((it) => it.state === "running");
    });
    await pause(150);
  }

  /** Waits until the run's call has been made: its ticket is filed, and not yet answered. */
  async untilCallIsOut(run: string): Promise<void> {
    const { mesh, desk } = this;
    await mesh.until(async () => desk.tickets.some((it) => it.idempotencyKey.startsWith(run)));
  }

  /** kill -9 of all of these at once; a moment later they are started again, in this order. */
  async crash(names: readonly string[], awayMs = 200): Promise<void> {
    await Promise.all(names.map((name) => this.mesh.program(name).kill("SIGKILL")));
    await pause(awayMs);
    for (const name of names) await this.mesh.program(name).start();
  }

  /**
   * The run succeeded with everything that its steps wrote, once, and filed one ticket. Gives the
   * instances by name, "sample[1]".
   */
  async expectWhole(id: string, mark: string): Promise<Map<string, Instance>> {
    const run = await this.mesh.ended(id);
    expect(run).toMatchObject({ state: "succeeded", reason: "" });
    const instances = instancesOf(run);
    const measure = instances.get("measure[0]");
    expect(JSON.parse(measure?.outputJson ?? "")).toEqual({ mark, attempt: measure?.attempt });
    const boards = ["press-01", "press-02"];
    expect(boards.map((_, at) => instances.get(`sample[${at}]`)?.outputJson)).toEqual(
      boards.map((board) => JSON.stringify({ board })),
    );
    expect(JSON.parse(instances.get("ticket[0]")?.outputJson ?? "")).toMatchObject({ status: 201 });
    const filed = this.desk.tickets.filter(({ report }) => titleOf(report) === mark);
    expect(filed).toHaveLength(1);
    const lines = [1, 2, 3, 4].map((line) => `${mark} ${line}\n`).join("");
    expect(await this.logOf(id, "measure", measure?.attempt)).toBe(lines);
    return instances;
  }

  /** Each transition stands in the ledger once, and `cohort ledger verify` agrees. */
  async expectSoundLedger(): Promise<void> {
    expect(faultsOf(await readLedger(this.mesh))).toEqual([]);
    const verified = await this.mesh.cohort("ledger", "verify");
    expect(verified).toMatchObject({ exit: 0 });
  }

  /** What the attempt wrote, instance by instance. */
  async logOf(run: string, step: string, attempt = 1): Promise<string> {
    const { runs } = this.mesh.client;
    const lines: LogLine[] = [];
    const request = { run, step, follow: false, after: 0 };
    for await (const line of this.mesh.client.stream(runs, runs.logs, request)) lines.push(line);
    const ofAttempt = lines.filter((it) => it.attempt?.attempt === attempt);
    return Buffer.concat(ofAttempt.map((it) => it.data)).toString();
  }
}

function instancesOf(run: Run): Map<string, Instance> {
  return new Map(
    run.steps.flatMap(({ step, instances }) =>
      instances.map((it) => [`${step}[${it.instance}]`, it] as const),
    ),
  );
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function titleOf(report: unknown): unknown {
  return (report as { title?: unknown }).title;
}
