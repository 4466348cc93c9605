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

test("a file is measured and read in parts, with the same care", async () => {
  const { extra } = await runShell("printf 0123456789 > d; ln -s d link; mkfifo pipe", {
    after: `
      const code = (act) => { try { return act(); } catch (error) { return error.code ?? error.name; } };
      const part = (offset, length) => text.decode(step.collectPart("d", offset, length));
      return [step.measure("d"), step.measure("absent"), code(() => step.measure("link")),
        code(() => step.measure("pipe")), part(0, 4), part(8, 4), part(20, 4),
        code(() => step.collectPart("link", 0, 1)), code(() => step.collectPart("absent", 0, 1)),
        code(() => step.collectPart("d", -1, 1)), code(() => step.collectPart("d", 0, 1e9))];`,
  });
  expect(extra).toEqual([
    10,
    null,
    "NOT_REGULAR",
    "NOT_REGULAR",
    "0123",
    "89",
    "",
    "NOT_REGULAR",
    "ENOENT",
    "RangeError",
    "RangeError",
  ]);
});
