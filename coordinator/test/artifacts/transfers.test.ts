import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AttemptKey, PutRequest } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { afterEach, describe, expect, it } from "vitest";
import { artifactsOf } from "../../src/artifacts/artifacts.ts";
import { createKeeper } from "../../src/artifacts/keeper.ts";
import { artifactLimits } from "../../src/artifacts/limits.ts";
import { Spool } from "../../src/artifacts/spool.ts";
import { createTransfers } from "../../src/artifacts/transfers.ts";
import { worldWith } from "../scheduler/world.ts";
import { memoryObjects } from "./memory-objects.ts";

const flow = `kind: workflow
name: flow
steps:
  - { id: sample, run: sample, artifacts: { upload: [{ name: trace, path: trace }] } }
  - id: judge
    depends: [sample]
    run: judge
    artifacts: { download: [{ step: sample, name: trace, path: in }] }
`;

const bytes = new Uint8Array(100).map((_, at) => at);
const sha256 = new Uint8Array(createHash("sha256").update(bytes).digest());
const hex = Buffer.from(sha256).toString("hex");

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function begin() {
  const world = await worldWith(flow);
  const memory = memoryObjects();
  const folder = mkdtempSync(join(tmpdir(), "cohort-spool-"));
  const spool = new Spool(join(folder, "spool"));
  const onFault = (error: unknown) => {
    throw error;
  };
  const restart = () => {
    const keeper = createKeeper({
      state: world.state.artifacts,
      spool,
      objects: memory.store,
      durable: () => world.writer.read(() => undefined),
      onFault,
    });
    const transfers = createTransfers({ writer: world.writer, spool, keeper, onFault });
    closing.push(() => keeper.close(), transfers.close);
    return { keeper, transfers };
  };
  closing.push(() => rmSync(folder, { recursive: true }));
  const { run } = await world.start("flow");
  const attempt: AttemptKey = { run, step: "sample", instance: 0, attempt: 1 };
  const piece = (offset: number, end: number, rest: Partial<PutRequest> = {}): PutRequest => ({
    attempt,
    name: "trace",
    size: bytes.length,
    offset,
    data: bytes.subarray(offset, end),
    sha256: end === bytes.length ? sha256 : new Uint8Array(0),
    ...rest,
  });
  return { world, ...memory, spool, run, attempt, piece, restart, ...restart() };
}

describe("what a node brings", () => {
  it("is stored under its hash when the last piece has come, and in the log by then", async () => {
    const { world, run, piece, transfers, objects } = await begin();
    expect(await transfers.put("node-a", piece(0, 40))).toMatchObject({
      nextOffset: 40,
      stored: false,
    });
    expect(objects.size).toBe(0);
    expect(await transfers.put("node-a", piece(40, 100))).toMatchObject({ stored: true });
    expect([...objects.keys()]).toEqual([hex]);
    expect(artifactsOf(world.state.artifacts, run)).toMatchObject([{ name: "trace", sha256: hex }]);
    expect(world.recorded.map((it) => it.event.$case)).toContain("artifactStored");
  });

  it("may come twice, piece by piece and as a whole, and is stored once", async () => {
    const { world, piece, transfers } = await begin();
    await transfers.put("node-a", piece(0, 40));
    expect(await transfers.put("node-a", piece(0, 40))).toMatchObject({ nextOffset: 40 });
    const last = [transfers.put("node-a", piece(40, 100)), transfers.put("node-a", piece(40, 100))];
    const [first, second] = await Promise.all(last);
    expect(first).toMatchObject({ stored: true });
    // Its turn comes after the first; what it was to end is stored by then, or begins again.
    expect(second?.stored === true || second?.nextOffset === 0).toBe(true);
    expect(await transfers.put("node-a", piece(40, 100))).toMatchObject({ stored: true });
    expect(world.recorded.filter((it) => it.event.$case === "artifactStored")).toHaveLength(1);
  });

  it("begins again with a coordinator that has lost what came before", async () => {
    const { piece, transfers, restart } = await begin();
    await transfers.put("node-a", piece(0, 40));
    const { transfers: next } = restart();
    expect(await next.put("node-a", piece(40, 100))).toMatchObject({
      nextOffset: 0,
      stored: false,
    });
    await next.put("node-a", piece(0, 40));
    expect(await next.put("node-a", piece(40, 100))).toMatchObject({ stored: true });
  });

  it("is refused when it is not what its hash says, and nothing of it stays", async () => {
    const { world, run, piece, transfers, objects } = await begin();
    const wrong = piece(0, 100, { sha256: new Uint8Array(32) });
    await expect(transfers.put("node-a", wrong)).rejects.toMatchObject({
      code: "ARTIFACT_CORRUPT",
    });
    const longer = piece(0, 100, { size: 99 });
    await expect(transfers.put("node-a", longer)).rejects.toMatchObject({
      code: "ARTIFACT_CORRUPT",
    });
    expect(objects.size).toBe(0);
    expect(artifactsOf(world.state.artifacts, run)).toEqual([]);
    expect(await transfers.put("node-a", piece(0, 100))).toMatchObject({ stored: true });
  });

  it("is refused from another node, of another attempt, under another name, and too large", async () => {
    const { piece, transfers, attempt } = await begin();
    const refused = async (node: string, request: PutRequest, code: string) =>
      expect(transfers.put(node, request)).rejects.toMatchObject({ code });
    await refused("node-b", piece(0, 100), "ARTIFACT_UNKNOWN");
    await refused(
      "node-a",
      piece(0, 100, { attempt: { ...attempt, attempt: 2 } }),
      "ARTIFACT_UNKNOWN",
    );
    await refused(
      "node-a",
      piece(0, 100, { attempt: { ...attempt, step: "judge" } }),
      "ARTIFACT_UNKNOWN",
    );
    await refused("node-a", piece(0, 100, { name: "other" }), "ARTIFACT_UNKNOWN");
    const size = limits.artifactBytesMax + 1;
    await refused("node-a", piece(0, 40, { size }), "ARTIFACT_TOO_LARGE");
  });

  it("is refused when the run's artifacts, or all together, would be too large", async () => {
    const { world, piece, transfers, run } = await begin();
    const { artifacts } = world.state;
    artifacts.byRun.set(run, { artifacts: new Map(), bytes: artifactLimits.runBytesMax });
    await expect(transfers.put("node-a", piece(0, 40))).rejects.toMatchObject({
      code: "ARTIFACT_TOO_LARGE",
    });
    artifacts.byRun.clear();
    artifacts.bytes = artifactLimits.totalBytesMax;
    await expect(transfers.put("node-a", piece(0, 40))).rejects.toMatchObject({
      code: "ARTIFACT_STORE_FULL",
    });
  });

  it("waits for a store that is away, and is never half there", async () => {
    const { world, run, state, piece, transfers } = await begin();
    state.away = true;
    await expect(transfers.put("node-a", piece(0, 100))).rejects.toMatchObject({
      code: "ARTIFACT_STORE_UNAVAILABLE",
    });
    expect(artifactsOf(world.state.artifacts, run)).toEqual([]);
    state.away = false;
    expect(await transfers.put("node-a", piece(0, 100))).toMatchObject({ stored: true });
  });

  it("leaves the store again when the attempt ended meanwhile", async () => {
    const { world, run, piece, transfers, objects } = await begin();
    await transfers.put("node-a", piece(0, 40));
    const last = transfers.put("node-a", piece(40, 100));
    await world.finish(run, "sample", { outcome: "failed", code: "STEP_EXIT" });
    await expect(last).rejects.toMatchObject({ code: "ARTIFACT_UNKNOWN" });
    expect(objects.size).toBe(0);
  });
});

describe("what a node fetches", () => {
  async function stored() {
    const all = await begin();
    await all.transfers.put("node-a", all.piece(0, 100));
    await all.world.finish(all.run, "sample");
    const attempt = { run: all.run, step: "judge", instance: 0, attempt: 1 };
    return { ...all, attempt };
  }

  it("is what its step is to be given, from any offset, also when it must come from the store", async () => {
    const { transfers, spool, attempt } = await stored();
    const get = async (offset: number) =>
      Buffer.from((await transfers.get("node-a", { attempt, sha256, offset })).data);
    expect(await get(0)).toEqual(Buffer.from(bytes));
    spool.drop(hex);
    expect(await get(90)).toEqual(Buffer.from(bytes.subarray(90)));
    expect(await get(100)).toHaveLength(0);
  });

  it("is refused to another node, another attempt, and of content that it is not given", async () => {
    const { transfers, attempt, run } = await stored();
    const refused = async (node: string, key: AttemptKey, hash = sha256) =>
      expect(transfers.get(node, { attempt: key, sha256: hash, offset: 0 })).rejects.toMatchObject({
        code: "ARTIFACT_UNKNOWN",
      });
    await refused("node-b", attempt);
    await refused("node-a", { ...attempt, attempt: 2 });
    await refused("node-a", { run, step: "sample", instance: 0, attempt: 1 });
    await refused("node-a", attempt, new Uint8Array(32));
  });

  it("is refused when the store holds something else", async () => {
    const { transfers, spool, objects, attempt } = await stored();
    spool.drop(hex);
    objects.set(hex, new Uint8Array(100));
    await expect(transfers.get("node-a", { attempt, sha256, offset: 0 })).rejects.toMatchObject({
      code: "ARTIFACT_CORRUPT",
    });
    objects.set(hex, bytes);
    expect((await transfers.get("node-a", { attempt, sha256, offset: 0 })).data).toHaveLength(100);
  });
});
