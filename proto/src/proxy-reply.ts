import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { ProxyReply } from "../gen/cohort/node.ts";

/**
 * The same message as by the generated code, which copies a body three times: here it is copied once, to
 * where it is sent from.
 */
export function encodeReply({ body = nothing, ...rest }: Partial<ProxyReply>): Uint8Array {
  const head = ProxyReply.encode(ProxyReply.fromPartial(rest)).finish();
  if (body.length === 0) return head;
  const tag = new BinaryWriter().tag(bodyField, WireType.LengthDelimited).uint32(body.length);
  const mark = tag.finish();
  const message = new Uint8Array(head.length + mark.length + body.length);
  message.set(head);
  message.set(mark, head.length);
  message.set(body, head.length + mark.length);
  return message;
}

const nothing = new Uint8Array(0);

/** Of ProxyReply. Fields may stand in any order. */
const bodyField = 4;
