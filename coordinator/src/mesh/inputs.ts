import { devicePattern } from "@cohort/proto/devices";
import {
  CallNote,
  DispatchReply,
  EnrolRequest,
  EventBatch,
  FactsReport,
  GetRequest,
  Heartbeat,
  Hello,
  ProxyRequest,
  PutRequest,
  ReleaseRequest,
  RenewRequest,
  RotateRequest,
  SessionRequest,
  WitnessRequest,
} from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { refuse } from "@cohort/proto/problem";
import { stepLimitNames } from "@cohort/proto/step-ends";
import { isName } from "@cohort/proto/subjects";
import * as z from "zod";
import { ulidPattern } from "../ulid.ts";
import { meshLimits } from "./limits.ts";

/**
 * What nodes and machines send, as typed values: decoded and within bounds. Each throws USAGE. Keys
 * are copied, for a decoded one is a view that would keep the whole network buffer alive.
 */
export const inputs = {
  enrol: reader(EnrolRequest, () => enrolRequest),
  session: reader(SessionRequest, () => sessionRequest),
  hello: reader(Hello, () => hello),
  rotate: reader(RotateRequest, () => rotateRequest),
  heartbeat: reader(Heartbeat, () => heartbeat),
  facts: reader(FactsReport, () => factsReport),
  events: reader(EventBatch, () => eventBatch),
  renew: reader(RenewRequest, () => renewRequest),
  /** Its fields are the proxy's to judge: it records each refusal. */
  proxy: reader(ProxyRequest, () => z.custom<ProxyRequest>()),
  call: reader(CallNote, () => callNote),
  put: reader(PutRequest, () => putRequest),
  get: reader(GetRequest, () => getRequest),
  release: reader(ReleaseRequest, () => releaseRequest),
  witness: reader(WitnessRequest, () => witnessRequest),
  dispatchReply: reader(DispatchReply, () => dispatchReply),
} as const;

interface MessageType<T> {
  decode(bytes: Uint8Array): T;
}

function reader<T>(type: MessageType<T>, schema: () => z.ZodType<T>): (bytes: Uint8Array) => T {
  return (bytes) => {
    let message: T;
    try {
      message = type.decode(bytes);
    } catch (cause) {
      throw refuse("USAGE", "the message is not well formed", {}, cause);
    }
    const checked = schema().safeParse(message);
    if (checked.success) return checked.data;
    const place = checked.error.issues[0]?.path.join(".") ?? "";
    throw refuse("USAGE", `the message's field ${place} is out of bounds`, {}, checked.error);
  };
}

const ulid = z.string().regex(ulidPattern);
const bytes = z.instanceof(Uint8Array);
const key = bytes.refine((it) => it.length === 32).transform((it) => Uint8Array.from(it));
const signature = bytes.refine((it) => it.length === 64);
const count = z.int().min(0);
const fact = z
  .string()
  .max(meshLimits.factLengthMax)
  .regex(/^[\x20-\x7e]*$/);
const code = z
  .string()
  .max(meshLimits.codeLengthMax)
  .regex(/^[A-Z0-9_]*$/);
const message = z.string().max(meshLimits.messageLengthMax);

const facts = z.object({
  version: fact,
  arch: fact,
  kernel: fact,
  hostname: fact,
  cores: count,
  memoryBytes: count,
  isolation: fact,
  slots: count.max(meshLimits.slotsMax),
  devices: z.array(fact.max(limits.deviceLengthMax)).max(limits.devicesMax),
  models: z.array(fact.max(limits.modelLengthMax)).max(limits.modelsMax),
  temperatureCelsius: z.union([z.int().min(-273).max(1_000), z.undefined()]),
  diskBytes: count,
  diskFreeBytes: count,
});

const enrolRequest = z.object({
  invite: ulid,
  secret: bytes.refine((it) => it.length === 32),
  natsKey: key,
  signKey: key,
  boxKey: key,
  proof: signature,
  natsProof: signature,
  facts,
});

const attemptKey = z.object({
  run: ulid,
  step: z.string().refine(isName),
  instance: count.max(limits.instancesMax),
  attempt: count.min(1).max(meshLimits.attemptMax),
});

const sessionRequest = z.object({});

const instance = z.string().regex(/^[\w-]{8}$/);

const updateReport = z.object({
  rollout: ulid,
  outcome: z.enum(["updated", "failed"]),
  code,
  message,
});

const hello = z.object({
  facts,
  update: z.union([updateReport, z.undefined()]),
  releaseKey: z.union([bytes.refine((it) => it.length === 0), key]),
  inventory: z
    .array(z.object({ attempt: attemptKey, state: z.enum(["running", "finished"]) }))
    .max(meshLimits.inventoryMax),
  session: count,
  instance,
  proof: signature,
});

const rotateRequest = z.object({
  natsKey: key,
  signKey: key,
  boxKey: key,
  formerProof: signature,
  proof: signature,
  natsProof: signature,
});

const factsReport = z.object({ facts, update: z.union([updateReport, z.undefined()]) });

const heartbeat = z.object({ running: count, uptimeMs: count, instance });

const device = z.string().regex(devicePattern);

const usage = z.object({
  cpuMs: count,
  memoryPeakBytes: count,
  wallMs: count,
  bytesIn: count,
  bytesOut: count,
  deviceReads: z.array(z.object({ device, count, bytes: count })).max(limits.devicesMax),
});

const actuated = z.object({
  device,
  operation: z.enum(["write", "transfer", "set"]),
  target: fact,
  bytes: count,
  sha256: key,
});

const logChunk = z.object({
  stream: z.union([z.literal(1), z.literal(2)]),
  offset: count,
  data: bytes.refine((it) => it.length <= limits.logChunkBytesMax),
});

const finished = z.object({
  outcome: z.enum(["succeeded", "failed"]),
  code,
  exit: z.int(),
  message,
  outputJson: z.string().max(limits.stepOutputBytesMax),
  usage: z.union([usage, z.undefined()]),
  killed: z.enum(stepLimitNames).optional(),
  logBytes: count.optional(),
});

const nodeEvent = z.object({
  seq: count.min(1),
  atMs: z.int(),
  attempt: attemptKey,
  event: z.discriminatedUnion("$case", [
    z.object({ $case: z.literal("started"), value: z.object({}) }),
    z.object({ $case: z.literal("log"), value: logChunk }),
    z.object({ $case: z.literal("finished"), value: finished }),
    z.object({ $case: z.literal("actuated"), value: actuated }),
  ]),
});

const eventBatch = z.object({ events: z.array(nodeEvent).max(limits.eventBatchMax) });

const renewRequest = z.object({ attempt: attemptKey });

const callNote = z.object({
  note: z.discriminatedUnion("$case", [
    z.object({
      $case: z.literal("piece"),
      value: z.object({
        data: bytes.refine((it) => it.length <= limits.proxyPieceBytesMax),
        last: z.boolean(),
        proof: signature,
      }),
    }),
    z.object({ $case: z.literal("taken"), value: count }),
    z.object({ $case: z.literal("cancelled"), value: z.object({}) }),
  ]),
});

const piece = bytes.refine((it) => it.length <= limits.artifactPieceBytesMax);

const putRequest = z.object({
  attempt: attemptKey,
  name: z.string().refine(isName),
  size: count.max(limits.artifactBytesMax),
  offset: count,
  data: piece,
  sha256: z.union([bytes.refine((it) => it.length === 0), key]),
});

const getRequest = z.object({ attempt: attemptKey, sha256: key, offset: count });

const releaseRequest = z.object({ sha256: key, offset: count });

const note = z.string().max(meshLimits.noteLengthMax);

const witnessRequest = z.object({
  nonce: bytes.refine((it) => it.length === 16).transform((it) => Uint8Array.from(it)),
  checkpoint: note,
  conflict: note,
});

const problems = z
  .array(
    z.object({
      code,
      message,
      hint: message,
      file: message,
      line: count,
      column: count,
      excerpt: message,
    }),
  )
  .max(meshLimits.problemsMax);

const refusal = z.object({ index: count, problems: problems.min(1) });

const dispatchReply = z.object({
  problems,
  refusals: z.array(refusal).max(limits.dispatchBatchMax),
});
