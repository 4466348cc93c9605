import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

const root = mkdtempSync(join(tmpdir(), "cohort-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Path of a file in a new folder, which goes when the test file's tests are over. */
export function temporaryPath(name: string): string {
  return join(mkdtempSync(join(root, "folder-")), name);
}
