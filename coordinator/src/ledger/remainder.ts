import { isErrorCode } from "@cohort/proto/errors";
import { type Entry, Remainder } from "@cohort/proto/gen/cohort/ledger";
import type { Finished } from "@cohort/proto/gen/cohort/node";
import { canonicalJson } from "@cohort/proto/ledger/canonical";
import { textLeafHash } from "@cohort/proto/ledger/merkle";
import type { payloadEvents } from "@cohort/proto/ledger/remainder";
import type { Event } from "../state/event.ts";
import { sha256 } from "./crypto.ts";

/**
 * An entry without its payload, as canonical JSON of a `Remainder`; null where it has none. `placing`:
 * names of the run's inputs that say on which nodes its steps may run, which stay. What stays, and the
 * lengths of what goes, is all that the state takes from the entry once the run is forgotten: replayed,
 * both lead to the same state.
 */
export function remainderOf(entry: Entry, placing: ReadonlySet<string>): string | null {
  const cut = new Cut();
  const event = entry.event === undefined ? null : without(entry.event, placing, cut);
  if (event === null || cut.isEmpty) return null;
  return canonicalJson(Remainder.toJSON({ entry: { ...entry, event }, dropped: cut.lengths }));
}

/** As the hash of a leaf is made. */
export function remainderHash(text: string): Uint8Array {
  return textLeafHash(sha256, text);
}

/** The entry again, with something of the same length, and as harmless to read, for what is gone. */
export function restored(text: string): Entry {
  const { entry, dropped } = Remainder.fromJSON(JSON.parse(text));
  if (entry?.event === undefined) throw new TypeError("what is left of an entry has no event");
  return { ...entry, event: filled(entry.event, dropped) };
}

type PayloadEvent = Extract<Event, { readonly $case: (typeof payloadEvents)[number] }>;

/** Collects what is dropped. */
class Cut {
  readonly lengths: Record<string, number> = {};

  get isEmpty(): boolean {
    return Object.keys(this.lengths).length === 0;
  }

  /** What stays of a field; "" for nothing. */
  field(name: string, text: string, stays = ""): string {
    if (text.length > stays.length) this.lengths[name] = text.length;
    return text.length > stays.length ? stays : text;
  }

  result(name: string, result: Finished | undefined): Finished | undefined {
    if (result === undefined) return undefined;
    const message = this.field(`${name}.message`, result.message);
    return { ...result, message, outputJson: this.field(`${name}.outputJson`, result.outputJson) };
  }
}

/** Null for an event that has none. */
function without(event: Event, placing: ReadonlySet<string>, cut: Cut): PayloadEvent | null {
  switch (event.$case) {
    case "runStarted": {
      const { inputsJson, eventJson } = event.value;
      const inputs = cut.field("inputsJson", inputsJson, partOf(inputsJson, placing));
      const value = { inputsJson: inputs, eventJson: cut.field("eventJson", eventJson) };
      return { ...event, value: { ...event.value, ...value } };
    }
    case "stepPlanned": {
      cut.field("variablesJson", event.value.variablesJson.join(""));
      return { ...event, value: { ...event.value, variablesJson: [] } };
    }
    case "stepTaken": {
      const instances = event.value.instances.map((it, at) => ({
        ...it,
        result: cut.result(`instances[${at}].result`, it.result),
      }));
      const reason = cut.field("reason", event.value.reason, codeOf(event.value.reason));
      return { ...event, value: { ...event.value, reason, instances } };
    }
    case "stepCached": {
      const outputJson = cut.field("outputJson", event.value.outputJson);
      return { ...event, value: { ...event.value, outputJson } };
    }
    case "attemptEnded": {
      const result = cut.result("result", event.value.result);
      return { ...event, value: { ...event.value, result } };
    }
    case "stepEnded": {
      const reason = cut.field("reason", event.value.reason, codeOf(event.value.reason));
      return { ...event, value: { ...event.value, reason } };
    }
    case "runEnded": {
      const reason = cut.field("reason", event.value.reason, codeOf(event.value.reason));
      const outputsJson = cut.field("outputsJson", event.value.outputsJson);
      return { ...event, value: { ...event.value, reason, outputsJson } };
    }
    case "approvalRequested": {
      const prompt = cut.field("prompt", event.value.prompt);
      return { ...event, value: { ...event.value, prompt } };
    }
    case "approvalDecided": {
      const comment = cut.field("comment", event.value.comment);
      return { ...event, value: { ...event.value, comment } };
    }
    case "publicationIntended": {
      const payload = cut.field("payload", event.value.payload);
      return { ...event, value: { ...event.value, payload } };
    }
    case "callIntended": {
      const { path } = event.value;
      const value = { ...event.value, path: cut.field("path", path, path.split("?", 1)[0]) };
      return { ...event, value };
    }
    default:
      return null;
  }
}

/**
 * Lengths of inputs, event and outputs decide how long ended runs stay in memory, so these have theirs
 * again. Nobody asks for the lengths of the others.
 */
function filled(event: Event, dropped: Readonly<Record<string, number>>): Event {
  const output = (result: Finished | undefined, name: string) => {
    const length = dropped[`${name}.outputJson`];
    if (result === undefined || length === undefined) return result;
    return { ...result, outputJson: nullOf(length) };
  };
  switch (event.$case) {
    case "runStarted": {
      const { inputsJson, eventJson } = event.value;
      const value = {
        inputsJson: inputsJson.padEnd(dropped["inputsJson"] ?? 0),
        eventJson: dropped["eventJson"] === undefined ? eventJson : textOf(dropped["eventJson"]),
      };
      return { ...event, value: { ...event.value, ...value } };
    }
    case "stepTaken": {
      const instances = event.value.instances.map((it, at) => ({
        ...it,
        result: output(it.result, `instances[${at}].result`),
      }));
      return { ...event, value: { ...event.value, instances } };
    }
    case "attemptEnded": {
      const result = output(event.value.result, "result");
      return { ...event, value: { ...event.value, result } };
    }
    case "stepCached": {
      const length = dropped["outputJson"];
      if (length === undefined) return event;
      return { ...event, value: { ...event.value, outputJson: nullOf(length) } };
    }
    default:
      return event;
  }
}

/** Of an object in JSON, the members with these names. */
function partOf(json: string, names: ReadonlySet<string>): string {
  const members = Object.entries(JSON.parse(json) as Record<string, unknown>);
  return JSON.stringify(Object.fromEntries(members.filter(([name]) => names.has(name))));
}

/** What a reason begins with: the step that failed, the error's code. All of one that has no code. */
function codeOf(reason: string): string {
  const [beginning = "", code = ""] = /^(?:step \S+: )?([A-Z][A-Z0-9_]*)/.exec(reason) ?? [];
  return isErrorCode(code) ? beginning : reason;
}

/** JSON of so many characters, which stays as long when it is parsed and written again. */
function textOf(length: number): string {
  return length < 2 ? "0" : `"${"x".repeat(length - 2)}"`;
}

/** JSON of so many characters. */
function nullOf(length: number): string {
  return (length < 4 ? "0" : "null").padEnd(length);
}
