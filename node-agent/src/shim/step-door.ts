import type { Usage } from "@cohort/proto/gen/cohort/node";
import { problem } from "@cohort/proto/problem";
import { devicesPath, type StepDevices } from "../devices/step-devices.ts";
import { type HttpAnswer, jsonAnswer } from "./http-answer.ts";
import type { HttpRequest } from "./http-reader.ts";
import { problemStatus } from "./problem-status.ts";
import type { StepProxy } from "./step-proxy.ts";

/** All that one attempt may ask for over its loopback: granted services, granted devices. */
export class StepDoor {
  readonly #proxy: StepProxy | null;
  readonly #devices: StepDevices | null;

  constructor(proxy: StepProxy | null, devices: StepDevices | null) {
    this.#proxy = proxy;
    this.#devices = devices;
  }

  open(): void {
    this.#proxy?.keepFresh();
  }

  close(): void {
    this.#proxy?.close();
    this.#devices?.close();
  }

  /** What went to services and came from them, and what was read of devices. */
  get usage(): Pick<Usage, "bytesIn" | "bytesOut" | "deviceReads"> {
    const { bytesIn = 0, bytesOut = 0 } = this.#proxy ?? {};
    return { bytesIn, bytesOut, deviceReads: this.#devices?.reads ?? [] };
  }

  async handle(request: HttpRequest): Promise<HttpAnswer> {
    const { target } = request.head;
    const isDevice = target === devicesPath || target.startsWith(`${devicesPath}/`);
    const way = isDevice ? this.#devices : this.#proxy;
    if (way !== null) return await way.handle(request);
    const { code, message, hint } = problem(
      "GRANT_MISSING",
      `the step was granted no ${isDevice ? "device" : "service"}`,
      { hint: "Name it in the step's `grants`." },
    );
    return jsonAnswer(problemStatus(code), { code, message, hint });
  }
}
