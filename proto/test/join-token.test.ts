import { describe, expect, it } from "vitest";
import { decodeJoinToken, encodeJoinToken, type JoinToken } from "../src/join-token.ts";
import { isName, ownerOf, replyBelongsTo } from "../src/subjects.ts";

const token: JoinToken = {
  node: "press-01",
  servers: ["localhost:7422"],
  rootFingerprint: "ab".repeat(32),
  coordinatorKey: "cd".repeat(32),
  invite: "01J",
  secret: "c2VjcmV0",
  userJwt: "e.y.J",
  userSeed: "SU",
};

describe("join token", () => {
  it("comes back from its one line, white space around it or not", () => {
    expect(decodeJoinToken(` ${encodeJoinToken(token)}\n`)).toEqual(token);
    expect(encodeJoinToken(token)).toMatch(/^[\w.-]+$/);
  });

  it.each(["", "cohort-join-1.", "cohort-join-1.!!!", "cohort-join-2.e30", "cohort-join-1.e30"])(
    "is refused when it is %j",
    (text) => {
      expect(() => decodeJoinToken(text)).toThrowError(
        expect.objectContaining({ code: "INVITE_INVALID" }),
      );
    },
  );
});

describe("names and subjects", () => {
  it.each(["a.b", "*", ">", "a b", "a\r\nb", "", "A", "-a", "a-", "é", "a".repeat(64)])(
    "refuse %j as a node's name",
    (text) => {
      expect(isName(text)).toBe(false);
    },
  );

  it("let a reply go to the sender's own inbox only", () => {
    expect(replyBelongsTo("press-01", "_INBOX_press-01.x.1")).toBe(true);
    for (const reply of [
      "_INBOX_press-010.x",
      "mesh.down.press-02.dispatch",
      "$SYS.x",
      "",
      undefined,
    ]) {
      expect(replyBelongsTo("press-01", reply)).toBe(false);
    }
    expect(ownerOf("mesh.up.press-01.hello")).toBe("press-01");
  });
});
