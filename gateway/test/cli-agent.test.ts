import { createHash, createPublicKey, verify } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RolloutStatus } from "@cohort/proto/gen/cohort/console";
import { Release, SignedRelease } from "@cohort/proto/gen/cohort/node";
import { releaseKeyProof, releaseProof } from "@cohort/proto/proof";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { useCli } from "./kit/cli.ts";

const cli = useCli();
const { run } = cli;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cohort-cli-"));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const at = (name: string) => join(folder, name);

/** What a binary of the agent has in common with this: its header, and what it says of itself. */
function binary(name: string, version: string, arch: string, machine: number): string {
  const bytes = Buffer.alloc(4096);
  bytes.write("\x7fELF", "latin1");
  bytes.writeUInt16LE(machine, 18);
  bytes.write(`cohort-agent-release ${version} ${arch}\n`, 2000, "latin1");
  writeFileSync(at(name), bytes);
  return at(name);
}

async function keygen(name: string): Promise<{ file: string; text: string; key: Uint8Array }> {
  const { status, stdout } = await run(["agent", "keygen", "--out", at(name)]);
  expect(status).toBe(0);
  const text = stdout.trim();
  return { file: at(name), text, key: Buffer.from(text.split(":")[1] as string, "base64url") };
}

function verifies(message: Uint8Array, signature: Uint8Array, key: Uint8Array): boolean {
  const jwk = { kty: "OKP", crv: "Ed25519", x: Buffer.from(key).toString("base64url") };
  return verify(null, message, createPublicKey({ key: jwk, format: "jwk" }), signature);
}

describe("cohort agent keygen", () => {
  it("writes the secret for its owner alone, prints the other half, and overwrites nothing", async () => {
    const { file, text } = await keygen("release.key");
    expect(text).toMatch(/^cohort-release-public:/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, "utf8")).not.toContain(text.split(":")[1]);
    const again = await run(["agent", "keygen", "--out", file]);
    expect([again.status, again.stdout]).toEqual([2, ""]);
  });
});

describe("cohort agent sign", () => {
  it("signs what each binary says of itself", async () => {
    const { file: keyFile, key } = await keygen("release.key");
    const files = [
      binary("a", "0.2.0", "x86_64", 62),
      binary("b", "0.2.0", "riscv64", 243),
      binary("c", "0.2.0", "arm64", 183),
    ];
    const { status } = await run(["agent", "sign", ...files, "--key", keyFile, "--floor", "0.1.0"]);
    expect(status).toBe(0);
    for (const [index, file] of files.entries()) {
      const { payload, signature } = SignedRelease.decode(readFileSync(`${file}.release`));
      expect(verifies(releaseProof(payload), signature, key)).toBe(true);
      const { sha256, ...said } = Release.decode(payload);
      const arch = ["x86_64", "riscv64", "arm64"][index];
      expect(said).toEqual({ version: "0.2.0", arch, size: 4096, floor: "0.1.0" });
      const hash = createHash("sha256").update(readFileSync(file)).digest("hex");
      expect(Buffer.from(sha256).toString("hex")).toBe(hash);
    }
  });

  it("signs none where one is no binary of the agent", async () => {
    const { file: key } = await keygen("release.key");
    const good = binary("good", "0.2.0", "x86_64", 62);
    const odd = binary("odd", "0.2.0", "x86_64", 183);
    const text = at("text");
    writeFileSync(text, "cohort-agent-release 0.2.0 x86_64\n");
    for (const bad of [odd, text]) {
      const { status, stderr } = await run(["agent", "sign", good, bad, "--key", key]);
      expect([status, stderr]).toEqual([4, expect.stringContaining("RELEASE_INVALID")]);
    }
    expect(() => statSync(`${good}.release`)).toThrow();
  });

  it.each([["missing"], ["public"]])(
    "refuses a key that is %s, without showing it",
    async (what) => {
      const { text } = await keygen("release.key");
      writeFileSync(at("public"), text);
      const file = binary("a", "0.2.0", "x86_64", 62);
      const { status, stderr } = await run(["agent", "sign", file, "--key", at(what)]);
      expect(status).toBe(2);
      expect(stderr).not.toContain(text);
    },
  );
});

describe("cohort agent trust", () => {
  it("sends the key, and for a successor the signature of the one before", async () => {
    cli.fake.handlers["Agents.trust"] = () => ({ changed: true });
    const [first, second] = [await keygen("first"), await keygen("second")];
    expect((await run(["agent", "trust", first.text])).status).toBe(0);
    expect((await run(["agent", "trust", second.text, "--signed-by", first.file])).status).toBe(0);
    const sent = cli.fake.requests.map(({ request }) => (request as { key: ReleaseKey }).key);
    expect(Buffer.from(sent[0]?.key ?? []).equals(first.key)).toBe(true);
    const { key, signature } = sent[1] as ReleaseKey;
    expect(verifies(releaseKeyProof(key), signature, first.key)).toBe(true);
  });

  it("refuses what is no public key", async () => {
    const { file } = await keygen("release.key");
    const secret = readFileSync(file, "utf8").trim();
    for (const text of ["key", secret, "cohort-release-public:AAAA"]) {
      expect((await run(["agent", "trust", text])).status).toBe(2);
    }
    expect(cli.fake.requests).toEqual([]);
  });
});

interface ReleaseKey {
  readonly key: Uint8Array;
  readonly signature: Uint8Array;
}

describe("cohort agent publish", () => {
  it("sends each binary with its release", async () => {
    cli.fake.handlers["Agents.publish"] = () => ({ changed: true });
    const { file: key } = await keygen("release.key");
    const file = binary("a", "0.2.0", "x86_64", 62);
    await run(["agent", "sign", file, "--key", key]);
    const { status, stdout } = await run(["agent", "publish", file]);
    expect([status, stdout]).toEqual([0, "0.2.0 for x86_64 is published\n"]);
    expect(cli.fake.requests[0]?.request).toMatchObject({
      binary: readFileSync(file),
      signed: SignedRelease.decode(readFileSync(`${file}.release`)),
    });
  });

  it("refuses a binary that was not signed, and sends nothing", async () => {
    const file = binary("a", "0.2.0", "x86_64", 62);
    expect((await run(["agent", "publish", file])).status).toBe(2);
    writeFileSync(`${file}.release`, "nonsense");
    expect((await run(["agent", "publish", file])).status).toBe(4);
    expect(cli.fake.requests).toEqual([]);
  });
});

describe("cohort agent rollout", () => {
  it("asks with careful values where nothing is said", async () => {
    cli.fake.handlers["Agents.rollout"] = () => ({ rollout: "01R" });
    const { status, stdout } = await run(["agent", "rollout", "--to", "0.2.0"]);
    expect([status, stdout]).toEqual([0, "01R\n"]);
    expect(cli.fake.requests[0]?.request).toEqual({
      version: "0.2.0",
      select: "",
      canary: 1,
      maxFailures: 1,
      maxConcurrent: 10,
      confirmMs: 120_000,
      whileRunning: false,
      downgrade: false,
    });
  });

  it.each([
    [["agent", "rollout"]],
    [["agent", "rollout", "--to", "0.2.0", "--canary", "one"]],
    [["agent", "rollout", "--to", "0.2.0", "--confirm-within", "soon"]],
  ])("refuses %j without asking", async (argv) => {
    expect((await run(argv)).status).toBe(2);
    expect(cli.fake.requests).toEqual([]);
  });

  it("shows each node with its reason", async () => {
    const node = { node: "edge-1", state: "failed", version: "0.1.0", code: "UPDATE_FAILED" };
    const status = RolloutStatus.fromPartial({
      rollout: "01R",
      request: { version: "0.2.0" },
      state: "stopped",
      reason: "1 of at most 1 failed",
      nodes: [
        { ...node, reason: "0.2.0 could not be started\u001b[2J", atMs: 5 },
        { node: "edge-2", state: "waiting", version: "0.1.0" },
      ],
    });
    cli.fake.handlers["Agents.status"] = () => status;
    const { stdout } = await run(["agent", "rollout", "status"]);
    expect(stdout).toContain(
      "rollout of 0.2.0 is stopped: 1 of at most 1 failed (1 failed, 1 waiting)\n",
    );
    expect(stdout).toMatch(
      /edge-1 +failed +0\.1\.0 .*UPDATE_FAILED 0\.2\.0 could not be started\\x1b/,
    );
    const json = await run(["agent", "rollout", "status", "-o", "json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({ version: "0.2.0", nodes: [node, {}] });
  });

  it.each([
    ["pause", "paused"],
    ["resume", "active"],
    ["abort", "aborted"],
  ])("can be told to %s", async (verb, state) => {
    cli.fake.handlers["Agents.change"] = () => ({ changed: true });
    const { stdout } = await run(["agent", "rollout", verb, "--reason", "night"]);
    expect(stdout).toBe(`the rollout is ${state}\n`);
    expect(cli.fake.requests[0]?.request).toEqual({ state, reason: "night" });
  });
});
