import { Dispatch, EnrolRequest, Hello } from "@cohort/proto/gen/cohort/node";

/** Messages as an honest node sends them. */
export const run = "01JD00000000000000000000RN";
export const attempt = { run, step: "sample", instance: 0, attempt: 1 };

export const instance = "AbCd-_12";

export const facts = {
  version: "0.1.0",
  arch: "riscv64",
  kernel: "6.12.0",
  hostname: "press-1",
  cores: 1,
  memoryBytes: 128 * 1024 * 1024,
  isolation: "strict",
  slots: 1,
  devices: ["gpio:gpiochip0"],
  models: ["llama.gguf"],
  temperatureCelsius: 41,
  diskBytes: 8_000_000_000,
  diskFreeBytes: 1_000_000_000,
};

export const hello = Hello.encode(
  Hello.fromPartial({
    facts,
    inventory: [{ attempt, state: "running" }],
    session: 1,
    instance,
    proof: new Uint8Array(64),
  }),
).finish();

export const dispatch = Dispatch.fromPartial({
  attempt,
  workflow: "press-vibration",
  work: { $case: "command", value: { argv: ["true"] } },
});

export function enrolRequest(fields: Partial<EnrolRequest>): Uint8Array {
  const request = EnrolRequest.fromPartial({
    secret: new Uint8Array(32),
    natsKey: new Uint8Array(32).fill(1),
    signKey: new Uint8Array(32).fill(2),
    boxKey: new Uint8Array(32).fill(3),
    proof: new Uint8Array(64),
    natsProof: new Uint8Array(64),
    facts,
  });
  return EnrolRequest.encode({ ...request, ...fields }).finish();
}
