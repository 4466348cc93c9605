import { readFileSync } from "node:fs";
import { type ClientHttp2Session, connect, constants } from "node:http2";
import { readContext } from "@cohort/gateway/src/console-client/context.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestMesh } from "../kit/mesh.ts";
import { bearerOf } from "../kit/raw-console.ts";

const resets = 20_000;

let mesh: TestMesh;

beforeAll(async () => {
  mesh = await TestMesh.start();
});
afterAll(async () => {
  await mesh?.stop();
});

/** Opens calls and takes each back at once (CVE-2023-44487), until the connection ends or all were made. */
async function attack(metadata: Record<string, string>): Promise<number> {
  const { endpoint, ca } = readContext(mesh.context);
  const session: ClientHttp2Session = connect(`https://${endpoint}`, { ca });
  session.on("error", () => {});
  await new Promise((resolve) => session.once("remoteSettings", resolve));
  let made = 0;
  while (made < resets && !session.closed && !session.destroyed) {
    for (let at = 0; at < 100 && !session.closed && !session.destroyed; at++) {
      const stream = session.request({
        ":method": "POST",
        ":path": "/cohort.console.Nodes/List",
        "content-type": "application/grpc",
        ...metadata,
      });
      stream.on("error", () => {});
      stream.close(constants.NGHTTP2_CANCEL);
      made += 1;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  session.destroy();
  return made;
}

const memoryOf = (pid: number) =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;

describe("calls that are opened and taken back at once (100)", () => {
  it.each([
    ["with no credential", () => ({})],
    ["with the operator's", () => bearerOf(mesh.context)],
  ])("%s, keep nobody else from being answered, and leave nothing behind", async (_, metadata) => {
    const { pid } = mesh.program("coordinator");
    const before = memoryOf(pid);
    const attacks = [attack(metadata()), attack(metadata())];
    // While they run, and after.
    expect((await mesh.cohort("nodes")).exit).toBe(0);
    for (const made of await Promise.all(attacks)) expect(made).toBeGreaterThan(100);
    expect((await mesh.cohort("nodes")).exit).toBe(0);
    expect(mesh.program("coordinator").pid).toBe(pid);
    expect(memoryOf(pid) - before).toBeLessThan(300);
  });
});
