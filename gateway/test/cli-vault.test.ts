import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type RotateKekRequest,
  type RotateSecretRequest,
  type UnsealRequest,
  VaultStatus,
} from "@cohort/proto/gen/cohort/console";
import { afterAll, describe, expect, it } from "vitest";
import { useCli } from "./kit/cli.ts";
import { Refusal } from "./kit/fake-console.ts";

const cli = useCli();
const { run } = cli;

const folder = mkdtempSync(join(tmpdir(), "cohort-vault-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const statusOf = (state: string, kind = "passphrase") =>
  VaultStatus.fromPartial({ state, kind, secrets: 2, generation: 7, recorded: 7, dataKey: 1 });

/** What the latest request of the method was. */
function requested<Request>(method: string): Request {
  const found = cli.fake.requests.findLast((it) => it.method === method);
  return found?.request as Request;
}

describe("cohort vault unseal", () => {
  it.each(["six words by chance\n", "six words by chance"])(
    "sends the passphrase %j of stdin, without its line end",
    async (input) => {
      cli.fake.handlers = {
        "Vault.status": () => statusOf("sealed"),
        "Vault.unseal": () => statusOf("unsealed"),
      };
      const { status, stdout } = await run(["vault", "unseal"], { input });
      expect(status).toBe(0);
      expect(stdout).toMatch(/state +unsealed/);
      expect(String(requested<UnsealRequest>("Vault.unseal").key)).toBe("six words by chance");
    },
  );

  it("sends nothing where the machine's key opens it, and asks nothing of an open one", async () => {
    cli.fake.handlers = {
      "Vault.status": () => statusOf("sealed", "machine"),
      "Vault.unseal": () => statusOf("unsealed", "machine"),
    };
    expect(await run(["vault", "unseal"], { input: "not read" })).toMatchObject({ status: 0 });
    expect(requested<UnsealRequest>("Vault.unseal").key).toHaveLength(0);
    cli.fake.handlers = { "Vault.status": () => statusOf("unsealed") };
    expect(await run(["vault", "unseal"])).toMatchObject({ status: 0 });
  });

  it("wants the file where a key file opens it, and sends its bytes as they are", async () => {
    cli.fake.handlers = {
      "Vault.status": () => statusOf("sealed", "key-file"),
      "Vault.unseal": () => statusOf("unsealed", "key-file"),
    };
    expect(await run(["vault", "unseal"])).toMatchObject({ status: 2 });
    const key = Buffer.from([...new Array(31).fill(3), 0x0a]);
    writeFileSync(join(folder, "stick.key"), key);
    const argv = ["vault", "unseal", "--key-file", join(folder, "stick.key")];
    expect(await run(argv)).toMatchObject({ status: 0 });
    expect(Buffer.from(requested<UnsealRequest>("Vault.unseal").key)).toEqual(key);
  });

  it("says what is wrong, with the remedy", async () => {
    cli.fake.handlers = {
      "Vault.status": () => statusOf("sealed"),
      "Vault.unseal": () => {
        throw new Refusal("VAULT_UNSEAL_LIMITED", "5 wrong keys were tried within a minute");
      },
    };
    const { status, stderr } = await run(["vault", "unseal"], { input: "x\n" });
    expect(status).toBe(5);
    expect(stderr).toContain("VAULT_UNSEAL_LIMITED");
  });
});

describe("cohort vault rotate-kek", () => {
  const rotated = () => requested<RotateKekRequest>("Vault.rotateKek");

  it("takes the passphrase of now and the new one from two lines of stdin", async () => {
    cli.fake.handlers = {
      "Vault.status": () => statusOf("unsealed"),
      "Vault.rotateKek": () => statusOf("unsealed"),
    };
    const argv = ["vault", "rotate-kek", "--to", "passphrase"];
    expect(await run(argv, { input: "the former one\nthe new one\n" })).toMatchObject({
      status: 0,
    });
    expect([rotated().kind, String(rotated().former), String(rotated().key)]).toEqual([
      ...["passphrase", "the former one", "the new one"],
    ]);
    expect(await run(argv, { input: "one alone" })).toMatchObject({ status: 2 });
  });

  it("writes a new key file for its owner alone, and overwrites none", async () => {
    cli.fake.handlers = {
      "Vault.status": () => statusOf("unsealed", "machine"),
      "Vault.rotateKek": () => statusOf("unsealed", "key-file"),
    };
    const file = join(folder, "new.key");
    const argv = ["vault", "rotate-kek", "--to", "key-file", "--new-key-file", file];
    expect(await run(argv)).toMatchObject({ status: 0 });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(Buffer.from(rotated().key)).toEqual(readFileSync(file));
    expect(readFileSync(file)).toHaveLength(32);
    expect(await run(argv)).toMatchObject({ status: 2 });
  });

  it.each([["--to", "key-file"], ["--to", "usb"], []])("refuses %s %s", async (...options) => {
    cli.fake.handlers = { "Vault.status": () => statusOf("unsealed", "machine") };
    expect(await run(["vault", "rotate-kek", ...options])).toMatchObject({ status: 2 });
  });
});

describe("cohort vault accept", () => {
  it("wants the file's generation and a reason", async () => {
    cli.fake.handlers = { "Vault.accept": () => statusOf("unsealed") };
    const argv = ["vault", "accept", "--generation", "7", "--reason", "restored"];
    expect(await run(argv)).toMatchObject({ status: 0 });
    expect(requested("Vault.accept")).toEqual({ reason: "restored", generation: 7 });
    expect(await run(argv.slice(0, 4))).toMatchObject({ status: 2 });
    expect(await run(["vault", "accept", "--generation", "x", "--reason", "r"])).toMatchObject({
      status: 2,
    });
  });
});

describe("cohort secret rotate", () => {
  it.each([
    [["--overlap", "2h"], 7_200_000],
    [["--overlap", "0"], 0],
    [[], 86_400_000],
  ])("leaves the former value good as %j says", async (options, overlapMs) => {
    cli.fake.handlers = { "Secrets.rotate": () => ({ version: 2 }) };
    const { status, stdout } = await run(["secret", "rotate", "a/b", ...options], { input: "v\n" });
    expect([status, stdout]).toEqual([0, "a/b version 2\n"]);
    const request = requested<RotateSecretRequest>("Secrets.rotate");
    expect(request).toMatchObject({ path: "a/b", services: [], overlapMs });
    expect(String(request.value)).toBe("v");
  });

  it("refuses an overlap that is none, and a value on the command line", async () => {
    const wrong = await run(["secret", "rotate", "a/b", "--overlap", "long"], { input: "v" });
    expect(wrong).toMatchObject({ status: 2 });
    const shown = await run(["secret", "rotate", "a/b", "hunter2"]);
    expect(shown).toMatchObject({ status: 2, stderr: expect.not.stringContaining("hunter2") });
    expect(cli.fake.requests).toEqual([]);
  });
});
