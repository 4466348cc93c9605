import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ProxyReply } from "../gen/cohort/node.ts";
import { encodeReply } from "../src/proxy-reply.ts";

describe("the encoding of a reply to a call", () => {
  it("is read as what was said, whatever of it there is", () => {
    const replies = fc.record(
      {
        problems: fc.array(fc.record({ code: fc.string(), message: fc.string() })),
        status: fc.nat(599),
        headers: fc.array(fc.record({ name: fc.string(), value: fc.string() })),
        body: fc.uint8Array({ maxLength: 300 }),
        last: fc.boolean(),
        granted: fc.nat(),
        index: fc.nat(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(replies, (it) => {
        const reply = ProxyReply.fromPartial(it);
        expect(ProxyReply.decode(encodeReply(reply))).toEqual(
          ProxyReply.decode(ProxyReply.encode(reply).finish()),
        );
      }),
    );
  });

  it("carries a body of any length", () => {
    for (const length of [0, 1, 127, 128, 16_383, 16_384, 131_072]) {
      const body = new Uint8Array(length).fill(7);
      expect(ProxyReply.decode(encodeReply({ body, index: 3 }))).toMatchObject({ body, index: 3 });
    }
  });
});
