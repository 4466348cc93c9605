import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { architectures } from "../architectures.mjs";
import { buildAgent } from "../build.mjs";
import { sha256 } from "../hash.mjs";
import { checkReproducible } from "../reproduce.mjs";

/** Everything is compiled anew, at a low priority. */
const buildMsMax = 1_200_000;
const bytesMax = 2.5e6;

/** ELF, e_machine: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html */
const machines: Readonly<Record<string, number>> = { x86_64: 62, arm64: 183, riscv64: 243 };

describe.each(Object.keys(architectures))("the agent for %s", (arch) => {
  it("is static, stripped, small, and of that processor", { timeout: buildMsMax }, async () => {
    const { file } = await buildAgent({ arch });
    const bytes = readFileSync(file);
    expect(bytes.readUInt16LE(18)).toBe(machines[arch]);
    expect(statSync(file).size).toBeLessThan(bytesMax);
    const sections = execFileSync("readelf", ["-SlW", file], { encoding: "utf8" });
    expect(sections).not.toMatch(/INTERP|\.dynamic|\.symtab|\.debug/);
  });

  it("says what it is made of, each part with its source's hash", async () => {
    const { file } = await buildAgent({ arch });
    const bill = JSON.parse(readFileSync(`${file}.cdx.json`, "utf8"));
    expect(bill.metadata.component.hashes[0].content).toBe(sha256(readFileSync(file)));
    const names = bill.components.map(({ name }: { name: string }) => name);
    const own = ["@cohort/node-agent", "@cohort/proto"];
    const libraries = ["quickjs", "libuv1", "mbedtls", "libsodium", "musl-dev", "libgcc"];
    expect(names).toEqual(expect.arrayContaining([...own, ...libraries, "@nats-io/nats-core"]));
    for (const { version, hashes } of bill.components) {
      expect(version).toMatch(/^\d/);
      expect(hashes[0].content).toMatch(/^(?:[0-9a-f]{64}|[0-9a-f]{128})$/);
    }
  });

  it("has the same bytes, and so has its bill, when built elsewhere", {
    timeout: buildMsMax,
  }, async () => {
    expect((await checkReproducible({ arch })).differs).toEqual([]);
  });
});
