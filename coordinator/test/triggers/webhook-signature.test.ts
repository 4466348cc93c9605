import { createHmac } from "node:crypto";
import { limits } from "@cohort/proto/limits";
import { describe, expect, it } from "vitest";
import { verifiedId } from "../../src/triggers/webhook-signature.ts";

/** The example of the Standard Webhooks libraries. */
const standard = {
  key: Buffer.from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
  nowMs: 1_614_265_330_000,
  request: {
    id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
    timestamp: "1614265330",
    signature: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    hubSignature: "",
    body: Buffer.from('{"test": 2432232314}'),
  },
};

/** The example of GitHub's documentation. */
const github = {
  key: Buffer.from("It's a Secret to Everybody"),
  request: {
    id: "",
    timestamp: "",
    signature: "",
    hubSignature: "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
    body: Buffer.from("Hello, World!"),
  },
};

function standardId(change: Partial<typeof standard.request>, nowMs = standard.nowMs) {
  return verifiedId("standard", standard.key, { ...standard.request, ...change }, nowMs);
}

describe("a standard signature", () => {
  it("is verified as its authors' example says, and gives the message's id", () => {
    expect(standardId({})).toBe("msg_p5jXN8AQM9LWM0D4loKWxJek");
  });

  it("may stand among those of other keys, while keys change", () => {
    const { signature } = standard.request;
    expect(standardId({ signature: `v1,AAAA v1a,xyz ${signature}` })).not.toBeNull();
    expect(standardId({ signature: "v1,AAAA v1a,xyz" })).toBeNull();
  });

  it("may be as old, or as new, as clocks differ", () => {
    const { webhookToleranceMs: tolerance } = limits;
    const at = (ms: number) => standardId({}, standard.nowMs + ms);
    expect([at(-tolerance), at(tolerance)]).not.toContain(null);
    expect([at(-tolerance - 1), at(tolerance + 1)]).toEqual([null, null]);
  });

  it("covers id, time and body", () => {
    expect(standardId({ id: "msg_other" })).toBeNull();
    expect(standardId({ timestamp: "1614265331" })).toBeNull();
    expect(standardId({ body: Buffer.from('{"test": 2432232315}') })).toBeNull();
  });

  it("has an id and a time of the right form, whoever signed it", () => {
    const signed = (id: string, timestamp: string) => {
      const key = Buffer.from("plain");
      const text = `${id}.${timestamp}.{}`;
      const signature = `v1,${createHmac("sha256", key).update(text).digest("base64")}`;
      const request = { id, timestamp, signature, hubSignature: "", body: Buffer.from("{}") };
      return verifiedId("standard", key, request, standard.nowMs);
    };
    expect(signed("a_b-1", "1614265330")).toBe("a_b-1");
    for (const id of ["", "a.b", "a b", "a\nb", "ä", "x".repeat(129)]) {
      expect(signed(id, "1614265330")).toBeNull();
    }
    for (const timestamp of ["", "1614265330.5", "-1614265330", "0x603a", "1e9", "now"]) {
      expect(signed("a", timestamp)).toBeNull();
    }
  });

  it.each(["", "v1,", "v1,g0hM9SsE", "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "v2,x"])(
    "that is %j is none",
    (signature) => {
      expect(standardId({ signature })).toBeNull();
    },
  );
});

describe("a signature of GitHub's", () => {
  const id = (change: Partial<typeof github.request>) =>
    verifiedId("github", github.key, { ...github.request, ...change }, 0);

  it("is verified as its documentation says, and is the same for the same body", () => {
    expect(id({})).toBe(github.request.hubSignature.slice("sha256=".length));
  });

  it.each([
    ["of another body", { body: Buffer.from("Hello, world!") }],
    ["in capitals", { hubSignature: github.request.hubSignature.toUpperCase() }],
    ["by SHA-1", { hubSignature: "sha1=757107ea0eb2509fc211221cce984b8a37570b6d" }],
    ["that is not there", { hubSignature: "" }],
  ])("%s is refused", (_, change) => {
    expect(id(change)).toBeNull();
  });
});
