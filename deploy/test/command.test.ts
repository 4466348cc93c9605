import { tmpdir } from "node:os";
import { describe, expect, test } from "vitest";
import { privateApt } from "../setup/apt.mjs";
import { command, SetupError } from "../setup/command.mjs";

const options = { what: "the thing could not be made", remedy: "Make it by hand." };

describe("a command of the set-up", () => {
  test("gives what it wrote to stdout", async () => {
    const script = 'echo "$WORD in $(pwd)"; echo noise >&2';
    const given = { ...options, directory: tmpdir(), environment: { WORD: "here" } };
    expect(await command(["sh", "-c", script], given)).toBe(`here in ${tmpdir()}\n`);
  });

  test("that fails tells what failed, the command, its last words and the remedy", async () => {
    const failing = command(["sh", "-c", "echo out; echo words >&2; exit 3"], options);
    const error = await failing.catch((it: unknown) => it);
    expect(error).toBeInstanceOf(SetupError);
    expect((error as SetupError).format()).toBe(`failed: the thing could not be made (exit status 3)
command: sh -c echo out; echo words >&2; exit 3
  | out
  | words
remedy: Make it by hand.`);
  });

  test("that is not there, or is killed, fails the same way", async () => {
    await expect(command(["/no/such/program"], options)).rejects.toThrow(/ENOENT/);
    await expect(command(["sh", "-c", "kill -9 $$"], options)).rejects.toThrow(/SIGKILL/);
  });

  test("ends with the signal that it is given", async () => {
    const signal = AbortSignal.timeout(50);
    await expect(command(["sleep", "60"], { ...options, signal })).rejects.toBeInstanceOf(
      SetupError,
    );
  });
});

test("a machine without a Debian archive is told so before anything is downloaded", () => {
  const open = () => privateApt({ directory: tmpdir(), suite: "trixie", sources: [] });
  expect(open).toThrow("apt's sources name no Debian archive");
});
