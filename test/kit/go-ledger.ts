import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { repository } from "@cohort/deploy/setup/paths.mjs";
import { ensurePackages, onPath } from "../../node-agent/toolchain/prerequisites.mjs";

const library = "/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog";

/**
 * Go's own code for transparency logs, which shares none with Cohort's, as a program in the folder: given a
 * verifier key, a folder of tiles and proofs it says what it verified, or throws.
 */
export async function buildGoVerifier(
  folder: string,
): Promise<(key: string, tiles: string, ...proofs: readonly string[]) => string> {
  const missing = [
    ...(onPath("go") ? [] : ["golang-go"]),
    ...(existsSync(library) ? [] : ["golang-golang-x-mod-dev"]),
  ];
  await ensurePackages(missing, () => {});
  const env = {
    PATH: process.env["PATH"],
    HOME: folder,
    GO111MODULE: "off",
    GOPATH: "/usr/share/gocode",
    GOCACHE: join(folder, "go-cache"),
  };
  const program = join(folder, "verify-ledger");
  const source = join(repository, "test/security/go/verify-ledger.go");
  execFileSync("go", ["build", "-o", program, source], { env });
  return (...argv) =>
    execFileSync(program, argv, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}
