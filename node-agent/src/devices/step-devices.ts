import { devicePattern } from "@cohort/proto/devices";
import type { AttemptKey, DeviceGrant, DeviceReads } from "@cohort/proto/gen/cohort/node";
import { CohortError, type Problem, problem, refuse } from "@cohort/proto/problem";
import { attemptId } from "@cohort/proto/proof";
import type { AgentContext } from "../context.ts";
import { Gate } from "../gate.ts";
import { hostErrorCode } from "../host-error.ts";
import { agentLimits } from "../limits.ts";
import { Pace } from "../pace.ts";
import { type HttpAnswer, jsonAnswer } from "../shim/http-answer.ts";
import { wholeBody } from "../shim/http-body.ts";
import type { HttpRequest } from "../shim/http-reader.ts";
import { problemStatus } from "../shim/problem-status.ts";
import { driverFor } from "./drivers.ts";
import type { Driver, Fields, Operation } from "./operation.ts";

/** Below which a step reaches its devices, at the address of its proxy. No service begins so. */
export const devicesPath = "/.devices";

/**
 * One attempt's way to its granted devices. The step has none of them in its sandbox: it asks here,
 * and what the signed dispatch does not grant is refused, whatever the step's program is.
 */
export class StepDevices {
  readonly #context: AgentContext;
  readonly #attempt: AttemptKey;
  readonly #grants: readonly DeviceGrant[];
  readonly #drivers = new Map<string, { readonly driver: Driver; readonly turn: Gate }>();
  readonly #reads = new Map<string, DeviceReads>();
  readonly #pace = new Pace(agentLimits.deviceOperationsPerSecondMax);
  readonly #actuationPace = new Pace(agentLimits.deviceActuationsPerSecondMax);
  #closed = false;

  constructor(context: AgentContext, attempt: AttemptKey, grants: readonly DeviceGrant[]) {
    this.#context = context;
    this.#attempt = attempt;
    this.#grants = grants;
  }

  /** What was read, for the attempt's result. */
  get reads(): DeviceReads[] {
    return [...this.#reads.values()];
  }

  /** Gives all devices back. */
  close(): void {
    this.#closed = true;
    for (const { driver } of this.#drivers.values()) driver.close();
    this.#drivers.clear();
    this.#context.devices.release(attemptId(this.#attempt));
  }

  /** `POST /.devices/<class>/<name>`, or GET to read; whatever goes wrong is an answer too. */
  async handle(request: HttpRequest): Promise<HttpAnswer> {
    try {
      return jsonAnswer(200, await this.#answer(request));
    } catch (error) {
      const { code, message, hint } = problemOf(error);
      return jsonAnswer(problemStatus(code), { code, message, hint });
    }
  }

  async #answer({ head, body }: HttpRequest): Promise<unknown> {
    const path = head.target.slice(devicesPath.length);
    if (path === "" || path === "/") return { devices: this.#grants };
    const match = /^\/([a-z0-9]+)\/([\w.-]+)$/.exec(path);
    const device = `${match?.[1]}:${match?.[2]}`;
    if (!devicePattern.test(device)) {
      throw refuse("USAGE", "the path names no device", {
        hint: "Ask $COHORT_DEVICES/<class>/<name>, as iio/accel0.",
      });
    }
    const grant = this.#grants.find((it) => it.device === device);
    if (grant === undefined) throw notGranted(`${device} at all`);
    const fields =
      head.method === "GET"
        ? { do: "read" }
        : parseFields(await wholeBody(body, agentLimits.deviceRequestBytesMax));
    return await this.#perform(grant, fields);
  }

  async #perform(grant: DeviceGrant, fields: Fields): Promise<unknown> {
    const { device, access, lines } = grant;
    const { driver, turn } = this.#driver(device);
    const operation = driver.operation(fields);
    const { actuates, line } = operation;
    if (actuates && access !== "actuate") throw notGranted(`to actuate ${device}, only to read it`);
    if (line !== null && lines.length > 0 && !lines.includes(line)) {
      throw notGranted(`line ${line} of ${device}`);
    }
    await this.#wait(actuates);
    const leave = await turn.enter();
    try {
      this.#context.devices.hold(device, attemptId(this.#attempt));
      if (actuates) await this.#record(device, operation);
      // The step's end closed what it had open, and nothing may be opened behind its back.
      if (this.#closed) throw refuse("DEVICE_FAILED", "the step has ended");
      const { answer, bytesRead } = await operation.perform();
      if (bytesRead > 0 || !actuates) this.#count(device, bytesRead);
      return answer;
    } finally {
      leave();
    }
  }

  /** A device does one thing at a time; but a serial port may be written while a read waits. */
  #driver(device: string): { readonly driver: Driver; readonly turn: Gate } {
    const known = this.#drivers.get(device);
    if (known !== undefined) return known;
    const driver = driverFor(this.#context.devices.access, device);
    const turn = new Gate(device.startsWith("serial:") ? agentLimits.shimRequestsMax : 1);
    this.#drivers.set(device, { driver, turn });
    return { driver, turn };
  }

  async #wait(actuates: boolean): Promise<void> {
    const { access } = this.#context.devices;
    const waits = actuates ? [this.#pace, this.#actuationPace] : [this.#pace];
    const waitMs = Math.max(...waits.map((pace) => pace.next(access.monotonic())));
    if (waitMs > 0) await access.delay(waitMs);
  }

  /** On the disk before it is done: what was moved is told, though the power fails right after. */
  async #record(device: string, { name, target, written }: Operation): Promise<void> {
    const { host, journal, clock, wake } = this.#context;
    if (!journal.hasRoom) {
      throw refuse("NODE_BUSY", "too much waits to be told to the coordinator", {
        hint: "Try again when the node is connected.",
      });
    }
    const sha256 = host.crypto.sha256(written);
    const value = { device, operation: name, target, bytes: written.length, sha256 };
    journal.record(this.#attempt, { $case: "actuated", value }, clock.now());
    await journal.sync().catch((cause) => {
      throw refuse("LEDGER_UNWRITABLE", "the node's journal cannot be written", {}, cause);
    });
    wake();
  }

  #count(device: string, bytes: number): void {
    const before = this.#reads.get(device) ?? { device, count: 0, bytes: 0 };
    const count = before.count + 1;
    this.#reads.set(device, { device, count, bytes: before.bytes + bytes });
  }
}

function parseFields(body: Uint8Array): Fields {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return value as Fields;
    }
  } catch {
    // Said below.
  }
  throw refuse("USAGE", "the body is no JSON object", { hint: 'Send {"do": "read"}, or another.' });
}

function notGranted(what: string): CohortError {
  return refuse("GRANT_MISSING", `the step was not granted ${what}`, {
    hint: "Name it in the step's `grants.devices`, and grant it to the node: `cohort node grant`.",
  });
}

function problemOf(error: unknown): Problem {
  if (error instanceof CohortError) return error.problems[0] as Problem;
  const code = hostErrorCode(error);
  const message = error instanceof Error ? error.message : String(error);
  if (code === "EBUSY") return problem("DEVICE_BUSY", message);
  return code === "" ? problem("INTERNAL", message) : problem("DEVICE_FAILED", message);
}
