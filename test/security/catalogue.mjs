import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** What each attack is, by its number in the catalogue. */
export const attacks = [
  "each character of a token changed",
  "token truncated, extended",
  "token under another key's id",
  "token of another mesh",
  "token expired or not yet valid, clocks apart",
  "token used by another node",
  "token used for another step",
  "token of an attempt before the retry",
  "the same call number again",
  "100 calls with one number at once",
  "a call again after the coordinator's restart",
  "body swapped under a valid proof",
  "method or query swapped under a valid proof",
  "X25519 key of low order",
  "non-canonical or low-order Ed25519 signature",
  "sealed token opened and sealed for another node",
  "revoked node with a live token",
  "key that was rotated out",
  "join token used twice at once",
  "enrolment of a registered key",
  "node name that is a subject",
  "subscription to everything, to the system account, to others' inboxes",
  "message in another node's name",
  "reply subject of someone else's",
  "JetStream's API",
  "forged control message to a node",
  "expired credential on a live connection",
  "spoofed identity headers",
  "decimal, octal, hexadecimal, short IPv4",
  "full-width or enclosed digits",
  "IPv4 within IPv6",
  "both NAT64 prefixes",
  "6to4, Teredo",
  "metadata addresses of every cloud",
  "DNS rebinding",
  "one good and one bad address",
  "alias of an inside name",
  "redirects to loopback",
  "redirect that would leak a key's header",
  "user info and backslash in a URL",
  "trailing dot, brackets",
  "suffix of an allowed host",
  "own public address",
  "port scan of an allowed host",
  "line breaks in path or header",
  "content-length against transfer-encoding",
  "connection used under another grant",
  "proxy variables in the environment",
  "slow DNS, storm of unknown names",
  "the host's files and the agent's key",
  "/proc of others",
  "inherited descriptors",
  "nested user namespace",
  "mount, pivot_root, open_by_handle_at",
  "tracing a sibling",
  "system calls of another architecture",
  "io_uring",
  "kernel sockets",
  "abstract sockets of the host",
  "input pushed into a terminal",
  "setuid program",
  "write to control groups",
  "symbolic link swapped while output is collected",
  "device, FIFO or huge sparse file as output",
  "daemon that outlives its step",
  "200 calls at once with money for one",
  "killed at each edge of a call",
  "caller gone before the first token",
  "no usage in the stream",
  "negative, endless, huge, doubled usage",
  "model or tier switched by the service",
  "many answers asked for, huge output limit",
  "settled twice, voided after settled",
  "window crossed: summer time, end of month",
  "unknown price",
  "clock set back",
  "entry edited, deleted, reordered, cut off",
  "old database restored",
  "fork shown to two witnesses",
  "disk full in the middle of a call",
  "fsync that fails, disk that hangs",
  "control characters in recorded fields",
  "checkpoint of a forged key",
  "alias bomb, deep nesting",
  "duplicate keys, __proto__",
  "custom YAML tags",
  "expression that reaches a constructor",
  "step output that holds an expression",
  "pathological patterns, endless expressions",
  "tag characters",
  "bidirectional overrides and isolates",
  "channel of ZWJ and ZWNJ",
  "variation selectors",
  "look-alike names",
  "lone surrogates, overlong UTF-8",
  "names that NFKC changes",
  "characters smuggled across pieces of a stream",
  "gRPC without or with another role's credential",
  "reflection without a credential",
  "oversized message and metadata, rapid reset",
  "MQTT client taken over",
  "publication to another's topic, spoofed will",
  "flood of retained messages",
  "reading everything, shared subscriptions",
  "fork, memory, disk and inode bombs",
  "gzip bomb, endless stream, slow answer",
  "flood of logs",
  "secret echoed raw, encoded, split",
  "secret in a service's error",
  "secret in traces, metrics, logs",
  "secret in a URL",
  "secret in dumps, process title, environment",
  "timing of comparisons",
  "error that tells no such secret from not granted",
  "tool descriptions and answers that carry instructions",
  "cyclic, unknown, own dependence; 100,000 steps",
  "workflow that starts itself",
  "webhook with no, wrong, replayed or old signature",
  "web page: forged requests, framing, script in output",
  "chat sender who is not on the list",
  "node that accepts and never finishes",
  "node that floods events",
  "10,000 nodes that reconnect at once",
];

/** Parts of Cohort that do not stand yet, with the attacks that come with them. */
export const partsToCome = new Map([
  [119, "the web page"],
  [120, "the chat"],
]);

/**
 * @typedef {object} Place Where an attack is run: README.md's table says so, and is read here.
 * @property {string[]} files test files, from the repository's root
 * @property {string[]} missing what is named and is not there
 * @property {string} later what is still to come, "" for nothing
 */

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "../..");

/** @returns {Map<number, Place>} */
export function placesOf(readme = readFileSync(join(here, "README.md"), "utf8")) {
  /** @type {Map<number, Place>} */
  const places = new Map();
  for (const [, numbers = "", where = ""] of readme.matchAll(
    /^\| ([\d, -]*\d) \| [^|]* \| (.*) \|$/gm,
  )) {
    const found = placeOf(where);
    for (const number of numbersOf(numbers)) {
      const { files, missing, later } = places.get(number) ?? { files: [], missing: [], later: "" };
      places.set(number, {
        files: [...new Set([...files, ...found.files])],
        missing: [...missing, ...found.missing],
        later: [later, found.later].filter(Boolean).join("; "),
      });
    }
  }
  return places;
}

/** @param {string} text such as "29-43" or "1, 2" */
function numbersOf(text) {
  return text.split(",").flatMap((part) => {
    const [first = 0, last = first] = part.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, at) => first + at);
  });
}

/** @param {string} where "here: tokens; coordinator/test/proxy/path, headers; *later, vault*: in service" */
function placeOf(where) {
  /** @type {Place} */
  const place = { files: [], missing: [], later: "" };
  let folder = "";
  for (const part of where.split(";")) {
    const later = /\*later\b[^*]*\*.*/.exec(part)?.[0] ?? "";
    if (later !== "") place.later = later.replaceAll("*", "");
    const said = part.replace(later, "").replace(/\([^)]*\)/g, "");
    if (/\bhere\b/.test(said)) folder = "test/security";
    for (const name of said.split(/,|:|\band\b/).map((it) => it.trim().split(/\s/)[0] ?? "")) {
      if (!/^[\w./-]+$/.test(name) || name.startsWith("test/board")) continue;
      // From the root, or beside the one named before it.
      const path = [name, `${folder}/${name}`].find((it) => filesAt(it).length > 0);
      if (path === undefined) {
        if (name.includes("/")) place.missing.push(name);
        continue;
      }
      if (path === name) folder = dirname(path);
      const files = filesAt(path);
      place.files.push(...files);
    }
  }
  return place;
}

/** @param {string} path a test file without its ending, or a folder of them */
function filesAt(path) {
  if (existsSync(join(root, `${path}.test.ts`))) return [`${path}.test.ts`];
  if (path.startsWith("/") || !existsSync(join(root, path))) return [];
  return readdirSync(join(root, path), { recursive: true, encoding: "utf8" })
    .filter((it) => it.endsWith(".test.ts"))
    .map((it) => `${path}/${it}`);
}
