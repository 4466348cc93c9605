import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { once } from "node:events";
import { createNodeHost } from "../../../node-agent/node/host.ts";
import { pretendedSandbox } from "../../../node-agent/node/sandbox.ts";
import { runAgent } from "../../../node-agent/src/agent.ts";
import type { AppendFile, Files, Host } from "../../../node-agent/src/host.ts";
import { join } from "../../../node-agent/src/join.ts";
import { natsConnector } from "../../../node-agent/src/mesh/nats-bus.ts";
import type { AgentsMode, AgentsReport, AgentsSettings } from "./agents.ts";
import { preciseNowMs } from "./processes.ts";

/**
 * A process of its own that is a whole fleet: the agent's core, once a node, over the Node adapter.
 * Its steps do nothing. What a real board pays by itself is left out where it can be: the disk is
 * memory, and signatures are verified by OpenSSL, since libsodium in WebAssembly is slower than the
 * board's own.
 */
const [settings] = (await once(process, "message")) as [AgentsSettings];
let mode: AgentsMode = { reportsEachStart: false };
process.on("message", (wanted: AgentsMode) => {
  mode = wanted;
});
const reportEveryMs = 50;
const joinsAtOnce = 16;

const keys = new Map<string, KeyObject>();
let ended = 0;
const latest = { heardMs: 0, journalMs: 0, startedMs: 0 };
const report = (joined: number) => process.send?.({ joined, ended, latest } satisfies AgentsReport);

const sandbox = pretendedSandbox(async () => {
  latest.startedMs = preciseNowMs();
  ended++;
  if (mode.reportsEachStart) report(settings.joinTokens.length);
  return undefined;
});
const base = await createNodeHost({ sandbox, environment: {} });
const crypto: typeof base.crypto = { ...base.crypto, verify: verifyNatively };
process.on("disconnect", () => process.exit());

const waiting = [...settings.joinTokens];
let joined = 0;
await Promise.all(
  Array.from({ length: joinsAtOnce }, async () => {
    for (let token = waiting.pop(); token !== undefined; token = waiting.pop()) {
      await startNode({ ...base, crypto, files: memoryFiles(), writeError: () => {} }, token);
      report(++joined);
    }
  }),
);
setInterval(() => report(joined), reportEveryMs);

async function startNode(host: Host, token: string): Promise<void> {
  const dataDirectory = "/data";
  const connect = natsConnector(host);
  await join(host, token, dataDirectory, connect);
  const options = { dataDirectory, slots: settings.slots, connect };
  runAgent(host, options, new AbortController().signal).catch((error: unknown) => {
    process.stderr.write(`an agent ended: ${String(error)}\n`);
    process.exit(1);
  });
}

function verifyNatively(message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array) {
  latest.heardMs = preciseNowMs();
  return verify(null, message, keyOf(publicKey), signature);
}

/** Made once: every node knows the one key of its coordinator. */
function keyOf(publicKey: Uint8Array): KeyObject {
  const name = Buffer.from(publicKey).toString("hex");
  const known = keys.get(name);
  if (known !== undefined) return known;
  const der = Buffer.from(`302a300506032b6570032100${name}`, "hex");
  const key = createPublicKey({ key: der, format: "der", type: "spki" });
  keys.set(name, key);
  return key;
}

/** Files that are kept until the process ends; of an append-only one, the length alone. */
function memoryFiles(): Files {
  const files = new Map<string, Uint8Array>();
  return {
    read: (path) => files.get(path) ?? null,
    writeAtomic: (path, bytes) => void files.set(path, bytes.slice()),
    remove: (path) => void files.delete(path),
    makeDirectory: () => {},
    isPrivate: () => true,
    list: () => [],
    space: () => ({ sizeBytes: 0, freeBytes: 0 }),
    inspect: () => null,
    openAppend: (path) => lengthOnly(files.get(path)?.length ?? 0),
  };
}

function lengthOnly(length: number): AppendFile {
  let size = length;
  return {
    get size() {
      return size;
    },
    append(bytes) {
      if (latest.journalMs < latest.heardMs) latest.journalMs = preciseNowMs();
      size += bytes.length;
    },
    sync: async () => {},
    truncate(to) {
      size = to;
    },
    close: () => {},
  };
}
