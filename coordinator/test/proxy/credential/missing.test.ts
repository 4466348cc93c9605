import { auth as authSchema } from "@cohort/proto/resources/service/auth";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Authority, createAuthority } from "../certificates.ts";
import { codeOf, secret, TestMesh } from "../mesh.ts";

let authority: Authority;
let mesh: TestMesh;

beforeAll(async () => {
  authority = await createAuthority();
});

afterEach(async () => {
  await mesh.egress.close();
  expect(mesh.faults).toEqual([]);
});

const kinds: readonly object[] = [
  { type: "bearer" },
  { type: "header", header: "x-api-key" },
  { type: "basic", username: "cohort" },
  { type: "query", parameter: "key" },
  { type: "path" },
  { type: "hmac", message: "{body}", headers: { "x-signature": "{signature}" } },
  { type: "aws-sigv4", region: "eu-central-1", service: "s3" },
  { type: "oauth2", token_url: "https://localhost:1/token", client_id: "c" },
  { type: "mtls" },
];

// Attack 114.
describe.each(kinds)("a credential of $type", (kind) => {
  it("fails the call closed, in the same words whether it is missing or another service's", async () => {
    const auth = authSchema.parse({ ...kind, secret: "desk/key" });
    mesh = new TestMesh({ port: 1, ca: authority.ca, service: { auth } });
    mesh.vault.value = null;
    const missing = await mesh.get("/tickets");
    // The test's vault lends to service "desk" alone.
    mesh.vault.value = secret;
    mesh.service = { ...(mesh.service as object), name: "desk-2" } as never;
    const ungranted = await mesh.get("/tickets");
    expect(codeOf(missing)).toBe("SECRET_UNAVAILABLE");
    const words = (problems: unknown) => JSON.stringify(problems).replaceAll("desk-2", "desk");
    expect(words(ungranted.problems)).toBe(words(missing.problems));
    expect(mesh.writer.of("callSettled").map((it) => it.actualNanoUsd)).toEqual([0, 0]);
  });

  it("is not asked for while the vault is sealed: nothing is reserved, and the refusal recorded", async () => {
    const auth = authSchema.parse({ ...kind, secret: "desk/key" });
    mesh = new TestMesh({ port: 1, ca: authority.ca, service: { auth } });
    mesh.vault.sealed = true;
    expect(codeOf(await mesh.get("/tickets"))).toBe("VAULT_SEALED");
    expect(mesh.writer.of("callIntended")).toEqual([]);
    expect(mesh.writer.of("callRefused").map(({ code }) => code)).toEqual(["VAULT_SEALED"]);
  });
});
