import "../src/polyfill/polyfill.ts";
import { fuzzConfig } from "./targets/config.ts";
import { fuzzHttp } from "./targets/http.ts";
import { fuzzJournal } from "./targets/journal.ts";
import { fuzzMessages } from "./targets/messages.ts";
import { fuzzNats } from "./targets/nats.ts";
import { fuzzText } from "./targets/text.ts";

/** What fuzz_script.c calls, by the name in FUZZ_TARGET. A target throws, or rejects, on a fault. */
const targets: Readonly<Record<string, (input: Uint8Array) => unknown>> = {
  config: fuzzConfig,
  http: fuzzHttp,
  journal: fuzzJournal,
  messages: fuzzMessages,
  nats: fuzzNats,
  text: fuzzText,
};

(globalThis as unknown as Record<string, unknown>)["__targets"] = targets;
