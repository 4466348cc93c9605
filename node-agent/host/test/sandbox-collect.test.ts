import { expect, test } from "vitest";
import { runShell } from "./step.ts";

/** Collects each name after the step and gives its text, null, or the error's code. */
const collect = (names: readonly string[], bytesMax = 1000) => `
  return ${JSON.stringify(names)}.map((name) => {
    try { const bytes = step.collect(name, ${bytesMax}); return bytes && text.decode(bytes); }
    catch (error) { return error.code; }
  });`;

test("regular files are collected, also from folders, after the step has ended", async () => {
  const { extra } = await runShell("echo one > a; mkdir d; echo two > d/b; : > empty", {
    after: collect(["a", "d/b", "empty", "absent", "a/b"]),
  });
  expect(extra).toEqual(["one\n", "two\n", "", null, null]);
});

test("links, pipes, sockets, folders and huge files are refused", async () => {
  const { extra } = await runShell(
    "ln -s /etc/passwd link; ln -s . loop; mkfifo pipe; mkdir folder; truncate -s 10M sparse; echo x > file",
    {
      after: collect([
        "link",
        "loop/file",
        "pipe",
        "folder",
        "sparse",
        "/etc/passwd",
        "../etc/passwd",
      ]),
    },
  );
  expect(extra).toEqual([
    "NOT_REGULAR",
    "NOT_REGULAR",
    "NOT_REGULAR",
    "NOT_REGULAR",
    "TOO_LARGE",
    "NOT_REGULAR",
    "NOT_REGULAR",
  ]);
});

test("the size limit is exact", async () => {
  const { extra } = await runShell("printf 12345 > five", { after: collect(["five"], 5) });
  expect(extra).toEqual(["12345"]);
  const { extra: larger } = await runShell("printf 123456 > six", { after: collect(["six"], 5) });
  expect(larger).toEqual(["TOO_LARGE"]);
});

test("a released workspace is closed", async () => {
  const { extra } = await runShell("echo x > a", { after: `step.release(); ${collect(["a"])}` });
  expect(extra).toEqual(["CLOSED"]);
});
