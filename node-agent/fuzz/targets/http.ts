import { limits } from "@cohort/proto/limits";
import type { Socket } from "../../src/host.ts";
import { wholeBody } from "../../src/shim/http-body.ts";
import { type HttpHead, HttpRefusal } from "../../src/shim/http-head.ts";
import { HttpReader } from "../../src/shim/http-reader.ts";
import { mustEqual, pieces, plantedFault } from "./kit.ts";

/** A connection of a step, however it is cut: the same requests, and the same refusal at its end. */
export async function fuzzHttp(input: Uint8Array): Promise<void> {
  const whole = await read([input]);
  const torn = await read([...pieces(input)]);
  mustEqual(torn, whole, "a connection in pieces reads differently");
  plantedFault(whole.refusal === 417);
}

async function read(chunks: Uint8Array[]) {
  const reader = new HttpReader(socketOf(chunks));
  const requests: { head: HttpHead; body: Uint8Array }[] = [];
  try {
    for (;;) {
      const head = await reader.head();
      if (head === null) return { requests, refusal: 0 };
      requests.push({ head, body: await wholeBody(reader.body(head), limits.proxyBodyBytesMax) });
    }
  } catch (error) {
    if (!(error instanceof HttpRefusal)) throw error;
    return { requests, refusal: error.status };
  }
}

function socketOf(chunks: Uint8Array[]): Socket {
  return {
    read: async () => chunks.shift() ?? null,
    write: async () => {},
    close: () => {},
    peerRoot: "",
  };
}
