import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { VaultStatus } from "@cohort/proto/gen/cohort/console";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli } from "../kit/cli.ts";
import { readLedger } from "../kit/history.ts";
import { dataOf } from "../kit/mesh-place.ts";
import type { RogueNode } from "../kit/rogue-node.ts";
import { Probe } from "./probe.ts";

const passphrase = "six words that nobody knows";

let probe: Probe;
let node: RogueNode;

beforeAll(async () => {
  probe = await Probe.start();
  node = await probe.node("teller");
  await probe.mesh.apply([{ path: "filing.yaml", text: filing }]);
});
afterAll(() => probe?.stop());

const cohort = (argv: readonly string[], input = "") =>
  runCli(["--context", probe.mesh.context, ...argv], input);
const status = (): Promise<VaultStatus> => {
  const { vault } = probe.mesh.client;
  return probe.mesh.client.call(vault, vault.status, {});
};
const restart = async () => {
  const coordinator = probe.mesh.program("coordinator");
  await coordinator.kill("SIGKILL");
  await coordinator.start();
  await probe.mesh.until(async () => (await node.hello()).problems.length === 0);
};
const eventsOf = async ($case: string) =>
  (await readLedger(probe.mesh)).filter(({ event }) => event.$case === $case);

describe("a sealed vault", () => {
  it("refuses calls of nodes, lets steps of its own wait, and all else goes on", async () => {
    const { token } = await probe.assign(node);
    await probe.expectServed(node, node.request(token, 1));
    expect(await cohort(["vault", "seal", "--reason", "a drill"])).toMatchObject({ exit: 0 });
    await probe.expectRefused(node, node.request(token, 2), "VAULT_SEALED");
    const reached = probe.desk.requests.length;
    const run = await probe.mesh.run("filing");
    await probe.mesh.until(async () => (await status()).callsWaiting === 1);
    expect((await probe.assign(node)).token).not.toBe("");
    expect(await cohort(["secret", "list"])).toMatchObject({ exit: 0 });
    expect(await cohort(["secret", "set", "a/b"], "value")).toMatchObject({ exit: 5 });
    expect(probe.desk.requests).toHaveLength(reached);
    expect(await cohort(["vault", "unseal"])).toMatchObject({ exit: 0 });
    expect(await probe.mesh.ended(run)).toMatchObject({ state: "succeeded" });
    await probe.expectServed(node, node.request(token, 3));
  });

  it("opens with a passphrase from stdin alone, after each start; who guesses is recorded", async () => {
    const rotated = await cohort(["vault", "rotate-kek", "--to", "passphrase"], `${passphrase}\n`);
    expect(rotated).toMatchObject({ exit: 0 });
    await restart();
    expect(await status()).toMatchObject({ state: "sealed", kind: "passphrase" });
    const run = await probe.mesh.run("filing");
    const wrong = await cohort(["vault", "unseal"], "six words that I guessed\n");
    expect(wrong).toMatchObject({ exit: 4, stderr: expect.stringContaining("VAULT_KEY_WRONG") });
    expect(await eventsOf("vaultUnsealRefused")).toHaveLength(1);
    expect(await cohort(["vault", "unseal"], `${passphrase}\n`)).toMatchObject({ exit: 0 });
    expect(await probe.mesh.ended(run)).toMatchObject({ state: "succeeded" });
    const files = ["coordinator/vault.db", "coordinator/cohort.db", "log/coordinator.log"];
    for (const file of files) {
      expect(readFileSync(join(probe.mesh.home, file)).includes(passphrase)).toBe(false);
    }
  });

  it("opens by itself again when its key is the machine's", async () => {
    const back = await cohort(["vault", "rotate-kek", "--to", "machine"], `${passphrase}\n`);
    expect(back).toMatchObject({ exit: 0 });
    expect(await status()).toMatchObject({ state: "unsealed", kind: "machine" });
    await restart();
    expect(await status()).toMatchObject({ state: "unsealed", kind: "machine" });
  });
});

describe("an older copy of the vault's file", () => {
  it("is noticed at the start, opens nothing, and is taken only by who says so", async () => {
    const file = join(dataOf(probe.mesh), "vault.db");
    const coordinator = probe.mesh.program("coordinator");
    await coordinator.kill("SIGTERM");
    copyFileSync(file, `${file}.old`);
    await coordinator.start();
    const rotated = await cohort(["secret", "rotate", "desk/api-key"], `${probe.mesh.apiKey}\n`);
    expect(rotated).toMatchObject({ exit: 0 });
    await coordinator.kill("SIGTERM");
    for (const end of ["-wal", "-shm"]) rmSync(`${file}${end}`, { force: true });
    copyFileSync(`${file}.old`, file);
    await coordinator.start();
    await probe.mesh.until(async () => (await node.hello()).problems.length === 0);
    const { state, generation, recorded } = await status();
    expect(state).toBe("mismatch");
    expect(recorded).toBe(generation + 1);
    const refused = await cohort(["vault", "unseal"]);
    expect(refused).toMatchObject({ exit: 4, stderr: expect.stringContaining("VAULT_MISMATCH") });
    const { token } = await probe.assign(node);
    await probe.expectRefused(node, node.request(token, 1), "VAULT_SEALED");
    const accept = ["vault", "accept", "--reason", "a drill", "--generation"];
    expect(await cohort([...accept, String(generation + 1)])).toMatchObject({ exit: 2 });
    expect(await cohort([...accept, String(generation)])).toMatchObject({ exit: 0 });
    expect(await eventsOf("vaultAccepted")).toHaveLength(1);
    await probe.expectServed(node, node.request(token, 2));
  });
});

describe("a key that was rotated out (18)", () => {
  it("encrypts no token that is good, from now on or when its tokens have run out", async () => {
    const before = await probe.assign(node);
    expect(await cohort(["vault", "rotate-token-key"])).toMatchObject({ exit: 0 });
    const between = await probe.assign(node);
    await probe.expectServed(node, node.request(before.token, 1));
    expect(await cohort(["vault", "rotate-token-key", "--at-once"])).toMatchObject({ exit: 0 });
    await probe.expectRefused(node, node.request(before.token, 2), "TOKEN_INVALID");
    await probe.expectRefused(node, node.request(between.token, 1), "TOKEN_INVALID");
    await restart();
    await probe.expectRefused(node, node.request(before.token, 3), "TOKEN_INVALID");
    const { token } = await probe.assign(node);
    await probe.expectServed(node, node.request(token, 1));
  });

  it("of the machine or of data opens nothing; killed on the way, both are gone on with", async () => {
    const { secrets, vault } = probe.mesh.client;
    for (let at = 0; at < 200; at++) {
      const value = Buffer.from(`value ${at}`);
      const request = { path: `bulk/k${at}`, value, services: [] };
      await probe.mesh.client.call(secrets, secrets.set, request);
    }
    const former = readFileSync(join(probe.mesh.home, "vault.key"));
    await probe.mesh.client.call(vault, vault.rotateMachineKey, {});
    await probe.mesh.client.call(vault, vault.rotateDataKey, {});
    await restart();
    const retired = () => eventsOf("dataKeyRetired");
    await probe.mesh.until(async () => (await retired()).length > 0);
    expect(await eventsOf("dataKeyRotated")).toHaveLength(1);
    expect(await retired()).toHaveLength(1);
    expect(await status()).toMatchObject({ dataKey: 2, resealLeft: 0 });
    expect(readFileSync(join(probe.mesh.home, "vault.key"))).not.toEqual(former);
    const { token } = await probe.assign(node);
    await probe.expectServed(node, node.request(token, 1));
  });
});

describe("a service that was changed", () => {
  it("is not given a secret that was set for where it was; whoever has the value sets it again", async () => {
    const [yaml, ca] = probe.desk.resources();
    if (yaml === undefined || ca === undefined) throw new Error("the desk has no resources");
    const set = ["secret", "set", "desk/api-key"];
    expect(await cohort(set, probe.mesh.apiKey)).toMatchObject({ exit: 0 });
    const { token } = await probe.assign(node);
    await probe.expectServed(node, node.request(token, 1));
    const elsewhere = {
      path: yaml.path,
      text: yaml.text.replace("localhost", "127-0-0-1.example"),
    };
    const inAnotherHeader = { path: yaml.path, text: yaml.text.replace("x-api-key", "x-log-this") };
    for (const [at, changed] of [elsewhere, inAnotherHeader].entries()) {
      await probe.mesh.apply([changed, ca]);
      const reply = await node.proxy(node.request(token, 2 + at));
      expect(reply.problems[0]?.code).toBe("SECRET_UNAVAILABLE");
    }
    expect(await cohort(set, probe.mesh.apiKey)).toMatchObject({ exit: 0 });
    const reached = probe.desk.requests.length;
    await node.proxy(node.request(token, 4));
    expect(probe.desk.requests.slice(reached).map(({ headers }) => headers["x-log-this"])).toEqual([
      probe.mesh.apiKey,
    ]);
    await probe.mesh.apply([yaml, ca]);
  });
});

describe("a key of a vault on the command line", () => {
  it("is nowhere to be given: files and stdin are", async () => {
    const file = join(probe.mesh.home, "value");
    writeFileSync(file, "from a file");
    for (const argv of [
      ["secret", "set", "a/b", "the value"],
      ["secret", "rotate", "a/b", "the value"],
      ["vault", "unseal", passphrase],
      ["vault", "unseal", "--passphrase", passphrase],
    ]) {
      expect(await cohort(argv, "x"), argv.join(" ")).toMatchObject({ exit: 2 });
    }
    expect(await cohort(["secret", "set", "a/b", "--from-file", file])).toMatchObject({ exit: 0 });
    expect(await cohort(["secret", "delete", "a/b"])).toMatchObject({ exit: 0 });
    expect(await cohort(["secret", "delete", "a/b"])).toMatchObject({
      exit: 4,
      stderr: expect.stringContaining("SECRET_UNKNOWN"),
    });
  });
});

/** A call of the coordinator's own. */
const filing = `kind: workflow
name: filing
steps:
  - id: file
    call: { service: desk, method: POST, path: /tickets, json: { title: t } }
`;
