import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findNatsServer, isNewEnough, parseVersion } from "../setup/nats-server.mjs";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cohort-nats-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

test("the version is read from what nats-server prints, and from nothing else", () => {
  expect(parseVersion("nats-server: v2.10.27\n")).toBe("2.10.27");
  expect(parseVersion("nats-server: v2.12.0-RC.1\n")).toBe("2.12.0");
  for (const other of ["", "nats-server", "nats: v2.10.1", "nats-server: v2"]) {
    expect(parseVersion(other)).toBeNull();
  }
});

test("2.10 is the oldest that will do", () => {
  expect(["2.9.25", "1.99.0", "0.0.0"].filter(isNewEnough)).toEqual([]);
  expect(["2.10.0", "2.15.3", "3.0.0"].filter(isNewEnough)).toHaveLength(3);
});

test("PATH comes before the cache, and what is too old or broken is passed over", () => {
  const cached = place("cache/nats-server/usr/sbin/nats-server");
  const old = place("old/nats-server");
  const broken = place("broken/nats-server");
  const good = place("good/nats-server");
  const versions: Record<string, string | null> = {
    [cached]: "2.10.27",
    [old]: "2.9.10",
    [broken]: null,
    [good]: "2.11.0",
  };
  const find = (...names: string[]) =>
    findNatsServer({
      cache: join(folder, "cache"),
      searchPath: names.map((name) => join(folder, name)).join(":"),
      versionOf: (path) => versions[path] ?? null,
    });
  expect(find("absent", "old", "broken", "good")).toMatchObject({ path: good, origin: "path" });
  expect(find("old", "broken")).toMatchObject({ path: cached, origin: "cache" });
  rmSync(cached);
  expect(find("old", "broken")).toBeNull();
});

function place(name: string): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, "");
  return path;
}
