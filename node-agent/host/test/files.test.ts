import { chmodSync, mkdirSync, readFileSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runProgram, temporaryFolder } from "./agent.ts";

const quote = JSON.stringify;

test("a file is written whole, with its mode, and leaves no temporary file", async () => {
  const folder = temporaryFolder();
  const { result } = await runProgram(`
    host.files.makeDirectory(${quote(join(folder, "a/b"))}, 0o700);
    host.files.writeAtomic(${quote(join(folder, "a/b/key"))}, new Uint8Array([1, 2, 255]), 0o600);
    return host.files.list(${quote(join(folder, "a/b"))});
  `);
  expect(result).toEqual(["key"]);
  expect([...readFileSync(join(folder, "a/b/key"))]).toEqual([1, 2, 255]);
  expect(statSync(join(folder, "a/b/key")).mode & 0o777).toBe(0o600);
});

test("an absent file reads as null and an absent folder lists as empty", async () => {
  const { result } = await runProgram(
    `return [host.files.read("/nowhere/x"), host.files.list("/nowhere")];`,
  );
  expect(result).toEqual([null, []]);
});

test("errors carry the errno name", async () => {
  const folder = temporaryFolder();
  expect((await runProgram(`host.files.read(${quote(folder)})`)).result.thrown.code).toBe("EISDIR");
  expect((await runProgram(`host.files.remove(${quote(`${folder}/x`)})`)).result.thrown.code).toBe(
    "ENOENT",
  );
  writeFileSync(join(folder, "file"), "");
  const { result } = await runProgram(
    `host.files.makeDirectory(${quote(`${folder}/file`)}, 0o700)`,
  );
  expect(result.thrown.code).toBe("ENOTDIR");
});

test("the space of a disk is what its filesystem says", async () => {
  const folder = temporaryFolder();
  const { blocks, bsize } = statfsSync(folder);
  const { result } = await runProgram<{ sizeBytes: number; freeBytes: number }>(
    `return host.files.space(${quote(folder)})`,
  );
  expect(result.sizeBytes).toBe(blocks * bsize);
  expect(result.freeBytes).toBeGreaterThan(0);
  expect(result.freeBytes).toBeLessThan(result.sizeBytes);
  const missing = await runProgram(`host.files.space(${quote(`${folder}/x`)})`);
  expect(missing.result.thrown.code).toBe("ENOENT");
});

test("a file or folder is private when nobody but its owner has rights to it", async () => {
  const folder = temporaryFolder();
  const look = async (path: string) =>
    (await runProgram(`return host.files.isPrivate(${quote(path)})`)).result;
  expect(await look(`${folder}/x`)).toBeNull();
  const path = join(folder, "key");
  writeFileSync(path, "");
  for (const [mode, verdict] of [
    [0o600, true],
    [0o400, true],
    [0o640, false],
    [0o604, false],
    [0o610, false],
  ] as const) {
    chmodSync(path, mode);
    expect(await look(path)).toBe(verdict);
  }
  chmodSync(folder, 0o755);
  expect(await look(folder)).toBe(false);
});

test("making a folder that exists is no error", async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "x"));
  const { result } = await runProgram(
    `host.files.makeDirectory(${quote(join(folder, "x"))}, 0o700); return 1`,
  );
  expect(result).toBe(1);
});

test("an append file grows, syncs, truncates, and refuses use after close", async () => {
  const path = join(temporaryFolder(), "journal");
  const { result } = await runProgram(`
    const file = host.files.openAppend(${quote(path)}, 0o600);
    file.append(new Uint8Array(10).fill(65));
    const syncs = [file.sync(), file.sync()];
    file.append(new Uint8Array(5).fill(66));
    await Promise.all(syncs);
    const grown = file.size;
    file.truncate(12);
    const pending = file.sync();
    file.close();
    await pending;
    const reopened = host.files.openAppend(${quote(path)}, 0o600);
    let code = "";
    try { file.append(new Uint8Array(1)); } catch (error) { code = error.code; }
    return { grown, size: reopened.size, code };
  `);
  expect(result).toEqual({ grown: 15, size: 12, code: "CLOSED" });
  expect(readFileSync(path, "utf8")).toBe("AAAAAAAAAABB");
});
