import {
  Cancel,
  Dispatch,
  Dispatches,
  DispatchReply,
  EnrolReply,
  EventAck,
  GetReply,
  HelloReply,
  ProxyReply,
  PutReply,
  RenewReply,
  SessionReply,
  Signed,
  SignedToken,
  TokenDelivery,
} from "@cohort/proto/gen/cohort/node";
import { CohortError } from "@cohort/proto/problem";
import { sandboxSpec } from "../../src/steps/sandbox-spec.ts";
import { must, mustEqual, plantedFault } from "./kit.ts";

interface Codec<Message> {
  decode(bytes: Uint8Array): Message;
  encode(message: Message): { finish(): Uint8Array };
}

/** Everything that reaches a node, by the first byte of the input. */
const codecs = [
  Dispatch,
  Cancel,
  Dispatches,
  DispatchReply,
  EnrolReply,
  EventAck,
  GetReply,
  HelloReply,
  ProxyReply,
  PutReply,
  RenewReply,
  SessionReply,
  Signed,
  SignedToken,
  TokenDelivery,
] as readonly unknown[] as readonly Codec<unknown>[];

/** Whatever decodes encodes, and decodes again to the same; a dispatch becomes a sandbox, or is refused. */
export function fuzzMessages(input: Uint8Array): void {
  if (input.length === 0) return;
  const codec = codecs[(input[0] as number) % codecs.length] as Codec<unknown>;
  const message = decode(codec, input.subarray(1));
  if (message === null) return;
  const again = codec.decode(codec.encode(message).finish());
  mustEqual(again, message, "a message changes on its way");
  if ((codec as unknown) === Dispatch) specOf(message as Dispatch);
}

function decode(codec: Codec<unknown>, bytes: Uint8Array): unknown {
  try {
    return codec.decode(bytes);
  } catch {
    // The caller refuses it: decodeOrRefuse in src/steps/verify.ts.
    return null;
  }
}

function specOf(dispatch: Dispatch): void {
  if (dispatch.attempt === undefined) return;
  try {
    const spec = sandboxSpec(dispatch, "node", 4);
    const { memoryBytes, pids, cpuMs } = spec.limits;
    must(memoryBytes > 0 && pids > 0 && cpuMs > 0, "a sandbox without a limit");
    must(spec.argv.length > 0, "a sandbox without a program");
    plantedFault(dispatch.workflow !== "w" || memoryBytes !== 1e6 || cpuMs !== 5);
  } catch (error) {
    if (!(error instanceof CohortError)) throw error;
  }
}
