import { describe, expect, it } from "vitest";
import { toBase64Url } from "../../src/bytes.ts";
import { credentialIsDue } from "../../src/mesh/credential.ts";

function jwt(claims: object): string {
  return `e30.${toBase64Url(new TextEncoder().encode(JSON.stringify(claims)))}.signature`;
}

describe("a credential", () => {
  it("is due when two thirds of its life are over", () => {
    const userJwt = jwt({ iat: 1000, exp: 4000 });
    expect(credentialIsDue(userJwt, 2_999_000)).toBe(false);
    expect(credentialIsDue(userJwt, 3_000_000)).toBe(true);
  });

  it.each([jwt({ iat: 1000 }), "", "a.b", "a.%%%.c"])(
    "that has no end, or cannot be read, is never due",
    (userJwt) => expect(credentialIsDue(userJwt, Number.MAX_SAFE_INTEGER)).toBe(false),
  );
});
