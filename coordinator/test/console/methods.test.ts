import { createHash } from "node:crypto";
import { Problems } from "@cohort/proto/gen/cohort/problem";
import { CohortError, type Problem, problem } from "@cohort/proto/problem";
import { Metadata, type ServerUnaryCall, type ServiceError } from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { createMethods } from "../../src/console/methods.ts";

const tokenHash = createHash("sha256").update("t").digest("hex");

/** What a client is answered whose call is refused with these. */
async function answered(problems: readonly Problem[]): Promise<Problem[]> {
  const { unary } = createMethods([{ name: "ann", role: "operator", tokenHash }], () => undefined);
  const method = unary({ path: "/cohort.console.Resources/Apply" }, () => {
    throw new CohortError(problems);
  });
  const metadata = new Metadata();
  metadata.set("authorization", "Bearer t");
  const call = { request: {}, metadata } as unknown as ServerUnaryCall<unknown, unknown>;
  const error = await new Promise<ServiceError>((resolve) => {
    method(call, (it) => resolve(it as ServiceError));
  });
  const [encoded] = error.metadata.get("cohort-problems-bin");
  expect((encoded as Buffer).length).toBeLessThan(40_000);
  return Problems.decode(encoded as Buffer).problems;
}

const many = (count: number) =>
  Array.from({ length: count }, (_, at) =>
    problem("RESOURCE_KEY_UNKNOWN", `unknown key "k${at}"`, { excerpt: "x".repeat(200) }),
  );

describe("the problems of an answer", () => {
  it("are all there while they fit", async () => {
    expect(await answered(many(50))).toEqual(many(50));
  });

  it("are as many as fit the metadata, the first ones, and say how many more there are", async () => {
    const shown = await answered(many(10_000));
    expect(shown.slice(0, -1)).toEqual(many(shown.length - 1));
    expect(shown.at(-1)).toMatchObject({
      code: "LIMIT_EXCEEDED",
      message: `${10_000 - shown.length + 1} problems more are not shown`,
    });
  });
});
