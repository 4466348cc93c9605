import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readSources, root, trackedFiles } from "./sources.ts";

/** Where what somebody shows is compared with what it must be, and how, without telling by its time. */
const comparisons: Readonly<Record<string, RegExp>> = {
  "coordinator/src/console/guard.ts": /timingSafeEqual\(Buffer\.from\(it\.tokenHash/,
  "coordinator/src/triggers/webhook-signature.ts": /timingSafeEqual\(given, wanted\)/,
  "coordinator/src/tokens/paseto.ts": /sodium\.memcmp\(expected, tag\)/,
  "gateway/src/broker/password.ts": /timingSafeEqual\(actual, expected\)/,
  "node-agent/host/tls_trust.c": /sodium_memcmp\(digest, fingerprint/,
};

const ours = /^(?:coordinator|gateway|node-agent)\/(?:src|console|node)\//;

/** No one is there to measure: the process reads a file of its own when it is set up. */
const unmeasured = ["coordinator/src/setup/contexts.ts"];

/** Named as what nobody may guess; compared as any other value. */
const secret =
  /\b\w*(?:[sS]ecret|[pP]assword|[bB]earer|[mM]ac|[sS]ignature|tokenHash|secretHash)(?:\.toString\([^)]*\))?\s*[!=]==\s*(?!\s|null|undefined|await|"|'|\d)|\b(?:[sS]ecret|[pP]assword|[bB]earer|[mM]ac|[sS]ignature|tokenHash|secretHash)\w*\.equals\(|Buffer\.compare\(\w*(?:[sS]ecret|[mM]ac|[pP]assword)/;

describe("comparisons of secrets (113)", () => {
  it.each(Object.entries(comparisons))("in %s take the same time whatever is shown", (file, by) => {
    expect(readFileSync(join(root, file), "utf8")).toMatch(by);
  });

  it("are nowhere made with ===, equals or memcmp", () => {
    const found = readSources()
      .filter(({ path }) => ours.test(path) && !unmeasured.includes(path))
      .flatMap(({ path, text }) =>
        text
          .split("\n")
          .flatMap((line, at) => (secret.test(line) ? [`${path}:${at + 1} ${line.trim()}`] : [])),
      );
    expect(found).toEqual([]);
    const native = trackedFiles(/^node-agent\/host\/.*\.c$/)
      .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }))
      .filter(({ text }) => /\bmemcmp\([^;]*(?:key|mac|secret|digest|signature)/i.test(text));
    expect(native.map(({ path }) => path)).toEqual([]);
  });

  it("are noticed where one is", () => {
    for (const line of ["if (secretHash === given)", "mac.equals(x)", "password !== it.password"]) {
      expect(line).toMatch(secret);
    }
  });
});
