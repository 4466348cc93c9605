import { chmodSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { paths as pathsOf } from "../setup/paths.mjs";
import { clock, userNamespaces } from "../src/doctor/machine.ts";
import { agent, dataFolder } from "../src/doctor/mesh.ts";
import { doctor } from "../src/doctor.ts";

let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "cohort-doctor-"));
});

afterEach(() => rmSync(home, { recursive: true }));

test("every failed check has a remedy, and a passed one none", async () => {
  const checks = await doctor({ home });
  expect(checks.map((it) => it.name)).toEqual(
    expect.arrayContaining([
      "node",
      "nats-server",
      "localhost",
      "agent",
      "port 7443",
      "disk",
      "clock",
      "data",
    ]),
  );
  for (const check of checks) expect(check.remedy === "").toBe(check.ok);
});

describe("the agent", () => {
  test("that is not built, is broken, or cannot isolate fails the check", async () => {
    expect(await agent(join(home, "absent"))).toMatchObject({ ok: false });
    expect(await agent(program("exit 1"))).toMatchObject({ ok: false });
    const refused = await agent(program('echo "isolation: refused"; exit 4'));
    expect(refused).toMatchObject({ ok: false, detail: "isolation refused" });
  });

  test("passes with the level that it found", async () => {
    expect(await agent(program('echo "isolation: standard"'))).toMatchObject({
      ok: true,
      detail: "isolation standard",
    });
  });
});

test("user namespaces that the kernel does not give are found out", () => {
  place("user/max_user_namespaces", "0\n");
  expect(userNamespaces(home)).toMatchObject({
    ok: false,
    remedy: expect.stringContaining("sysctl"),
  });
  place("user/max_user_namespaces", "15000\n");
  expect(userNamespaces(home)).toMatchObject({ ok: true });
});

test("a clock behind the data was stepped back", () => {
  const paths = pathsOf({ home });
  place("data/coordinator/ledger.db", "");
  expect(clock(paths)).toMatchObject({ ok: true });
  const later = Date.now() / 1000 + 3600;
  utimesSync(join(home, "data/coordinator/ledger.db"), later, later);
  expect(clock(paths)).toMatchObject({
    ok: false,
    detail: expect.stringMatching(/^the.* 3[56]\d\d s ahead/),
  });
});

test("a key that others can read fails the check, with the command that closes it", () => {
  const paths = pathsOf({ home });
  place("vault.key", "key");
  chmodSync(paths.vaultKey, 0o600);
  expect(dataFolder(paths)).toMatchObject({ ok: true });
  chmodSync(paths.vaultKey, 0o644);
  expect(dataFolder(paths)).toMatchObject({ ok: false, remedy: `chmod 600 ${paths.vaultKey}` });
});

function place(name: string, text: string): string {
  const path = join(home, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

function program(line: string): string {
  const path = place("program", `#!/bin/sh\n${line}\n`);
  chmodSync(path, 0o755);
  return path;
}
