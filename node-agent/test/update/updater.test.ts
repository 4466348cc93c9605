import { afterEach, describe, expect, it } from "vitest";
import { parseBoot } from "../../src/update/boot-file.ts";
import { machineHost } from "../kit/machine.ts";
import { MemoryDisk } from "../kit/memory-files.ts";
import { dispatchOf, startNode, type TestNode } from "../kit/node.ts";
import { chain, image, imageName, keyPair, serve, tell, updateOf } from "./update-kit.ts";

type Options = NonNullable<Parameters<typeof startNode>[1]>;

const nodes: TestNode[] = [];
const idle = async () => undefined;

async function start(options: Options = {}, play: Parameters<typeof startNode>[0] = idle) {
  const node = await startNode(play, { ...options, host: { ...machineHost, ...options.host } });
  nodes.push(node);
  return node;
}

afterEach(async () => {
  for (const node of nodes.splice(0)) await node.stop();
});

const bootOf = ({ disk }: Pick<TestNode, "disk">) =>
  parseBoot(new TextDecoder().decode(disk.read("/data/update/boot") ?? new Uint8Array(0)));

/** The disk of a node that begins anew with the image under trial. */
async function onTrial(): Promise<MemoryDisk> {
  const node = await start();
  serve(node.mesh);
  await tell(node.mesh, updateOf({ release: { floor: "1.5.0" } }));
  await node.ended;
  return node.disk;
}

/** The host of a process that the installed binary began as this image. */
function trialHost(version = "2.0.0", ended: string[] = []): NonNullable<Options["host"]> {
  const variables: Record<string, string> = {
    COHORT_AGENT_INSTALLED: "/usr/bin/cohort-agent",
    COHORT_AGENT_TRIAL: imageName,
  };
  return {
    info: { ...machineHost.info, version },
    environment: (name) => variables[name],
    endTrial: () => void ended.push("trial"),
  };
}

describe("an update", () => {
  it("is fetched in pieces, written down for the next start, and begun anew", async () => {
    const node = await start();
    const { offsets } = serve(node.mesh);
    expect((await tell(node.mesh, updateOf())).problems).toEqual([]);
    expect(await node.ended).toBe("restart");
    expect(offsets).toEqual([0, 131_072, 262_144]);
    expect(node.disk.read(`/data/update/${imageName}`)).toEqual(image);
    expect(bootOf(node)).toEqual({
      base: "1.0.0",
      current: null,
      trial: imageName,
      starts: 0,
      confirmSeconds: 30,
      failed: null,
    });
  });

  it.each([
    ["of another machine", { release: { arch: "arm64" } }, "RELEASE_INVALID"],
    ["that is too large", { release: { size: 1e9 } }, "RELEASE_INVALID"],
    ["without a version", { release: { version: "" } }, "RELEASE_INVALID"],
    ["that is older", { release: { version: "0.9.9" } }, "RELEASE_OLDER"],
    ["signed with a key that is not trusted", { signer: keyPair(5) }, "RELEASE_UNTRUSTED"],
    ["signed with a key that was replaced", { keys: chain(2) }, "RELEASE_UNTRUSTED"],
    ["without a key", { keys: [] }, "RELEASE_UNTRUSTED"],
    ["without a release", { update: { release: undefined } }, "RELEASE_INVALID"],
  ])("%s is refused, and nothing is fetched", async (_what, fields, code) => {
    const node = await start();
    const { offsets } = serve(node.mesh);
    const { problems } = await tell(node.mesh, updateOf(fields));
    expect(problems.map((it) => it.code)).toEqual([code]);
    expect([offsets, bootOf(node)]).toEqual([[], null]);
  });

  it("that the coordinator did not sign is refused", async () => {
    const node = await start();
    const { problems } = await tell(node.mesh, updateOf(), keyPair(0));
    expect(problems.map((it) => it.code)).toEqual(["DISPATCH_INVALID"]);
  });

  it("of an earlier rollout is refused, which somebody may have kept", async () => {
    const node = await start({ disk: await onTrial() });
    const { problems } = await tell(node.mesh, updateOf({ rollout: "009" }));
    expect(problems.map((it) => it.code)).toEqual(["UPDATE_OVERTAKEN"]);
  });

  it("goes back to an earlier version where it is told to", async () => {
    const node = await start();
    serve(node.mesh);
    const update = { downgrade: true };
    await tell(node.mesh, updateOf({ release: { version: "0.9.9" }, update }));
    expect(await node.ended).toBe("restart");
  });

  it("that arrives otherwise than it was signed is given up and told of; the node works on", async () => {
    const node = await start();
    const spoiled = image.slice();
    spoiled[200_000] = (spoiled[200_000] as number) ^ 1;
    const { reports } = serve(node.mesh, spoiled);
    await tell(node.mesh, updateOf());
    await node.until(() => reports.length > 0);
    expect(reports[0]?.update).toMatchObject({ rollout: "01A", code: "RELEASE_CORRUPT" });
    expect(node.disk.read(`/data/update/${imageName}`)).toBeNull();
    expect((await node.mesh.dispatch(dispatchOf("R1"))).problems).toEqual([]);
  });

  it("that is longer than it was said to be is given up", async () => {
    const node = await start();
    const { reports } = serve(node.mesh, new Uint8Array(image.length + 5));
    await tell(node.mesh, updateOf());
    await node.until(() => reports.length > 0);
    expect(reports[0]?.update?.code).toBe("RELEASE_CORRUPT");
  });

  it("goes on where it was cut off, even by a loss of power", async () => {
    const disk = new MemoryDisk();
    disk.contents.set(`/data/update/${imageName}`, image.slice(0, 200_000));
    const node = await start({ disk });
    const { offsets } = serve(node.mesh);
    await tell(node.mesh, updateOf());
    await node.ended;
    expect([offsets[0], disk.read(`/data/update/${imageName}`)]).toEqual([200_000, image]);
  });

  it("begins again where what was there is spoiled", async () => {
    const disk = new MemoryDisk();
    disk.contents.set(`/data/update/${imageName}`, new Uint8Array(200_000));
    const node = await start({ disk });
    serve(node.mesh);
    await tell(node.mesh, updateOf());
    await node.ended;
    expect(disk.read(`/data/update/${imageName}`)).toEqual(image);
  });

  it("is given up where the disk has no room for it", async () => {
    const node = await start();
    const { reports } = serve(node.mesh);
    node.disk.space = () => ({ sizeBytes: 1e9, freeBytes: 1e6 });
    await tell(node.mesh, updateOf());
    await node.until(() => reports.length > 0);
    expect(reports[0]?.update?.code).toBe("UPDATE_DISK_FULL");
  });

  it("is given up where the disk takes no more, and told of though that cannot be written down", async () => {
    const node = await start();
    const { offsets, reports } = serve(node.mesh);
    const release = node.mesh.answers.get("release") as (it: Uint8Array) => Promise<Uint8Array>;
    node.mesh.answers.set("release", async (request) => {
      node.disk.full = offsets.length === 2;
      return release(request);
    });
    node.disk.space = () => ({ sizeBytes: 1e9, freeBytes: 1e9 });
    await tell(node.mesh, updateOf());
    await node.until(() => reports.length > 0);
    expect(reports[0]?.update?.code).toBe("UPDATE_DISK_FULL");
  });

  it("removes images of no more use before it takes room", async () => {
    const disk = new MemoryDisk();
    const old = "ab".repeat(32);
    disk.contents.set(`/data/update/${old}`, image);
    const node = await start({ disk });
    serve(node.mesh);
    await tell(node.mesh, updateOf());
    await node.ended;
    expect(disk.read(`/data/update/${old}`)).toBeNull();
  });

  it("waits for what runs, and takes it along where it is told not to wait", async () => {
    const ends: (() => void)[] = [];
    const play = async () => {
      await new Promise<void>((resolve) => ends.push(resolve));
      return undefined;
    };
    const node = await start({}, play);
    const { offsets } = serve(node.mesh);
    await node.mesh.dispatch(dispatchOf("R1"));
    await node.until(() => ends.length === 1);
    await tell(node.mesh, updateOf());
    await node.until(() => offsets.length === 3);
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(bootOf(node)).toBeNull();
    ends[0]?.();
    expect(await node.ended).toBe("restart");

    const other = await start({}, play);
    serve(other.mesh);
    await other.mesh.dispatch(dispatchOf("R2"));
    await other.until(() => ends.length === 2);
    await tell(other.mesh, updateOf({ update: { whileRunning: true } }));
    expect(await other.ended).toBe("restart");
  });

  it("told twice is done once", async () => {
    const node = await start();
    const { offsets } = serve(node.mesh);
    await Promise.all([tell(node.mesh, updateOf()), tell(node.mesh, updateOf())]);
    await node.ended;
    expect(offsets).toHaveLength(3);
  });
});

describe("the new version", () => {
  it("keeps its place once it is greeted, and says so", async () => {
    const ended: string[] = [];
    const disk = await onTrial();
    const node = await start({ disk, host: trialHost("2.0.0", ended) });
    await node.until(() => ended.length > 0);
    expect(bootOf(node)).toMatchObject({ base: "1.0.0", current: imageName, trial: null });
    await node.stop();
    const again = await start({ disk, host: { ...trialHost(), environment: () => "x" } });
    expect(again.mesh.hellos.at(-1)?.update).toMatchObject({ rollout: "01A", outcome: "updated" });
  });

  it("lets no version below its floor take its place any more, whoever asks", async () => {
    const disk = await onTrial();
    const node = await start({ disk, host: trialHost() });
    await node.until(() => bootOf(node)?.trial === null);
    const older = { release: { version: "1.4.0" }, rollout: "01B", update: { downgrade: true } };
    const { problems } = await tell(node.mesh, updateOf(older));
    expect(problems.map((it) => it.code)).toEqual(["RELEASE_OLDER"]);
  });

  it.each([
    ["late", "2.0.0 was not greeted by the coordinator in time"],
    ["crashed", "2.0.0 ended before it was greeted by the coordinator"],
    ["unusable", "2.0.0 could not be started"],
  ])("that the host took back as %s is told of by the former one", async (reason, message) => {
    const disk = await onTrial();
    const { base } = bootOf({ disk }) ?? { base: "" };
    const lines = `current -\ntrial -\nstarts 0\nconfirm 30\nfailed ${imageName} ${reason}\n`;
    const boot = new TextEncoder().encode(`cohort-update 1\nbase ${base}\n${lines}`);
    disk.writeAtomic("/data/update/boot", boot);
    const node = await start({ disk });
    const report = { rollout: "01A", outcome: "failed", code: "UPDATE_FAILED", message };
    expect(node.mesh.hellos[0]?.update).toEqual(report);
  });

  it("that was never tried counts as failed, so that nothing waits for it", async () => {
    const disk = await onTrial();
    const node = await start({ disk });
    expect(node.mesh.hellos[0]?.update).toMatchObject({ outcome: "failed" });
    expect(bootOf(node)?.trial).toBeNull();
  });

  it("gives way to another installation, and is forgotten with it", async () => {
    const disk = await onTrial();
    const info = { ...machineHost.info, version: "1.1.0" };
    const node = await start({ disk, host: { info } });
    expect([bootOf(node), node.mesh.hellos[0]?.update]).toEqual([null, undefined]);
  });
});

describe("a loss of power", () => {
  it("at any write leaves what runs, and the update is done when it is told again", async () => {
    const writes = await countWrites();
    expect(writes).toBeGreaterThan(5);
    for (let at = 0; at < writes; at++) {
      const disk = new FailingDisk(at);
      const node = await start({ disk });
      serve(node.mesh);
      await tell(node.mesh, updateOf());
      await node.until(() => disk.isDead);
      await node.stop().catch(() => {});
      nodes.length = 0;
      disk.losePower();
      disk.revive();
      const boot = bootOf({ disk });
      // What is to be tried is whole by the time that this is written down.
      if (boot?.trial) expect(disk.read(`/data/update/${boot.trial}`), `${at}`).toEqual(image);
      const again = await start({ disk, ...(boot?.trial ? { host: trialHost() } : {}) });
      serve(again.mesh);
      if (boot?.trial) {
        await again.until(() => bootOf(again)?.current === imageName);
      } else {
        expect((await tell(again.mesh, updateOf())).problems, `${at}`).toEqual([]);
        expect(await again.ended, `${at}`).toBe("restart");
        expect(disk.read(`/data/update/${imageName}`), `${at}`).toEqual(image);
      }
      await again.stop();
    }
  });
});

/** A disk that takes so many writes and then no more, as where power was lost. */
class FailingDisk extends MemoryDisk {
  isDead = false;
  writes = 0;
  #left: number;

  constructor(writes: number) {
    super();
    this.#left = writes;
  }

  revive(): void {
    this.isDead = false;
    this.#left = Number.POSITIVE_INFINITY;
  }

  override writeAtomic(path: string, bytes: Uint8Array): void {
    if (path.startsWith("/data/update")) this.#count();
    super.writeAtomic(path, bytes);
  }

  override openAppend(path: string) {
    const file = super.openAppend(path);
    if (!path.startsWith("/data/update")) return file;
    return {
      get size() {
        return file.size;
      },
      append: (bytes: Uint8Array) => {
        this.#count();
        file.append(bytes);
      },
      sync: async () => {
        this.#count();
        await file.sync();
      },
      truncate: (size: number) => file.truncate(size),
      close: () => file.close(),
    };
  }

  #count(): void {
    this.writes++;
    if (this.#left-- > 0) return;
    this.isDead = true;
    throw Object.assign(new Error("power is lost"), { code: "EIO" });
  }
}

async function countWrites(): Promise<number> {
  const disk = new FailingDisk(Number.POSITIVE_INFINITY);
  const node = await start({ disk });
  serve(node.mesh);
  await tell(node.mesh, updateOf());
  await node.ended;
  return disk.writes;
}
