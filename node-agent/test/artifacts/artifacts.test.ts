import { createHash } from "node:crypto";
import { Cancel, GetReply, GetRequest, PutReply, PutRequest } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { problem } from "@cohort/proto/problem";
import { afterEach, describe, expect, it } from "vitest";
import type { StepPlay } from "../../node/sandbox.ts";
import { dispatchOf, startNode, type TestNode } from "../kit/node.ts";

let node: TestNode;
afterEach(async () => await node.stop());

const attempt = { run: "r1", step: "step", instance: 0, attempt: 1 };
const content = new Uint8Array(2 * limits.artifactPieceBytesMax + 5).map((_, at) => at % 253);
const sha256 = new Uint8Array(createHash("sha256").update(content).digest());

/** Runs a step and gives its result; `put` and `get` answer for the coordinator. */
async function runStep(
  play: StepPlay,
  rest: Parameters<typeof dispatchOf>[1],
  answers: {
    put?: (request: PutRequest) => Partial<PutReply>;
    get?: (request: GetRequest) => Partial<GetReply>;
  },
) {
  node = await startNode(play);
  const { mesh } = node;
  mesh.answers.set("put", async (bytes) =>
    PutReply.encode(PutReply.fromPartial(answers.put?.(PutRequest.decode(bytes)) ?? {})).finish(),
  );
  mesh.answers.set("get", async (bytes) =>
    GetReply.encode(GetReply.fromPartial(answers.get?.(GetRequest.decode(bytes)) ?? {})).finish(),
  );
  await mesh.dispatch(dispatchOf("r1", rest));
  await node.until(() => mesh.finished(attempt) !== undefined);
  return mesh.finished(attempt);
}

const leaving: StepPlay = async (step) => {
  step.leave("out/trace", content);
  return undefined;
};
const uploads = [{ name: "trace", path: "out/trace" }];

describe("what a step leaves", () => {
  it("goes in pieces, in order, with the hash of the whole, before its result", async () => {
    const offsets: number[] = [];
    const brought: Uint8Array[] = [];
    const result = await runStep(
      leaving,
      { uploads },
      {
        put: ({ offset, data, size, sha256: hash, name }) => {
          expect([name, size]).toEqual(["trace", content.length]);
          offsets.push(offset);
          brought.push(data.slice());
          const nextOffset = offset + data.length;
          if (nextOffset < size) return { nextOffset };
          expect(Buffer.compare(hash, sha256)).toBe(0);
          return { nextOffset, stored: true };
        },
      },
    );
    expect(result).toMatchObject({ outcome: "succeeded" });
    const piece = limits.artifactPieceBytesMax;
    expect(offsets).toEqual([0, piece, 2 * piece]);
    expect(Buffer.compare(Buffer.concat(brought), content)).toBe(0);
  });

  it("is sent again where the store is away, and from the beginning where that was lost", async () => {
    const offsets: number[] = [];
    const result = await runStep(
      leaving,
      { uploads },
      {
        put: ({ offset, data, size }) => {
          offsets.push(offset);
          if (offsets.length === 2) {
            return { problems: [problem("ARTIFACT_STORE_UNAVAILABLE", "away")] };
          }
          if (offsets.length === 3) return { nextOffset: 0 };
          const nextOffset = offset + data.length;
          return { nextOffset, stored: nextOffset === size };
        },
      },
    );
    expect(result).toMatchObject({ outcome: "succeeded" });
    const piece = limits.artifactPieceBytesMax;
    expect(offsets).toEqual([0, piece, piece, 0, piece, 2 * piece]);
  });

  it("fails the step where there is none, or the coordinator refuses it", async () => {
    expect(await runStep(async () => undefined, { uploads }, {})).toMatchObject({
      outcome: "failed",
      code: "ARTIFACT_MISSING",
    });
    await node.stop();
    const put = () => ({ problems: [problem("ARTIFACT_TOO_LARGE", "too large")] });
    expect(await runStep(leaving, { uploads }, { put })).toMatchObject({
      code: "ARTIFACT_TOO_LARGE",
      message: "too large",
    });
  });

  it("is not brought of a step that failed", async () => {
    const put = () => {
      throw new Error("nothing is to come");
    };
    const failing: StepPlay = async (step) => {
      await leaving(step);
      return { code: 1 };
    };
    expect(await runStep(failing, { uploads }, { put })).toMatchObject({ code: "STEP_EXIT" });
  });

  it("keeps nobody from cancelling the step", async () => {
    let asked = 0;
    const result = runStep(
      leaving,
      { uploads },
      {
        put: () => {
          if (++asked === 1) void node.mesh.cancel(Cancel.fromPartial({ attempt, hard: false }));
          return { problems: [problem("ARTIFACT_STORE_UNAVAILABLE", "away")] };
        },
      },
    );
    expect(await result).toMatchObject({ outcome: "failed", code: "STEP_CANCELLED" });
  });
});

describe("what a step is given", () => {
  const downloads = [{ sha256, size: content.length, path: "in/trace" }];
  const get = ({ offset }: GetRequest) => ({
    data: content.subarray(offset, offset + limits.artifactPieceBytesMax),
  });

  it("is in its workspace, whole, when it begins", async () => {
    let found: Uint8Array | null = null;
    const play: StepPlay = async (step) => {
      found = step.placed("in/trace");
      return undefined;
    };
    expect(await runStep(play, { downloads }, { get })).toMatchObject({ outcome: "succeeded" });
    expect(Buffer.compare(found ?? new Uint8Array(0), content)).toBe(0);
  });

  it("is there as an empty file where it is empty", async () => {
    let found: Uint8Array | null = null;
    const play: StepPlay = async (step) => {
      found = step.placed("in/none");
      return undefined;
    };
    const none = new Uint8Array(createHash("sha256").digest());
    const empty = [{ sha256: none, size: 0, path: "in/none" }];
    expect(await runStep(play, { downloads: empty }, {})).toMatchObject({ outcome: "succeeded" });
    expect(found).toHaveLength(0);
  });

  it.each([
    ["short", () => ({ data: new Uint8Array(0) })],
    ["long", () => ({ data: new Uint8Array(limits.artifactPieceBytesMax) })],
    [
      "another",
      ({ offset }: GetRequest) => ({
        data: get({ offset } as GetRequest).data.map((it) => it ^ 1),
      }),
    ],
  ])("ends the step before it begins when it is %s", async (_title, wrong) => {
    let began = false;
    const play: StepPlay = async () => {
      began = true;
      return undefined;
    };
    expect(await runStep(play, { downloads }, { get: wrong })).toMatchObject({
      code: "ARTIFACT_CORRUPT",
    });
    expect(began).toBe(false);
  });
});
