import type { WitnessRequest } from "@cohort/proto/gen/cohort/node";
import { type Signed, WitnessAnswer, type WitnessReply } from "@cohort/proto/gen/cohort/node";
import { type Checkpoint, parseCheckpointBody } from "@cohort/proto/ledger/checkpoint";
import { cosignerName, openCosignature } from "@cohort/proto/ledger/cosignature";
import { sameHash } from "@cohort/proto/ledger/merkle";
import { openNote } from "@cohort/proto/ledger/note";
import { CohortError, refuse } from "@cohort/proto/problem";
import { subjects } from "@cohort/proto/subjects";
import type { EventLog } from "../log/log.ts";
import type { Writer } from "../state/writer.ts";
import { decideDispute } from "../witnesses/decide-dispute.ts";
import { noteCrypto, sha256 } from "./crypto.ts";
import { proveGrowth } from "./proofs.ts";

export interface WitnessDependencies {
  readonly log: EventLog;
  readonly writer: Writer;
  readonly sign: (subject: string, payload: Uint8Array) => Signed;
  readonly now: () => number;
  /** A dispute was recorded: a person should know. */
  readonly onDispute: (node: string, reason: string) => void;
}

/** What a node told of the ledger last. */
export interface Sighting {
  readonly checkpoint: string;
  readonly size: number;
  readonly toldMs: number;
}

/**
 * Nodes as witnesses: each tells what it saw last, and is proved that the ledger continues it. What
 * they told is in memory alone, for they tell it again; that one holds what this ledger does not
 * continue is an entry of its own.
 */
export interface Witnesses {
  readonly sightings: ReadonlyMap<string, Sighting>;
  /** Throws USAGE for a checkpoint that the node did not cosign, LEDGER_INVALID. */
  answer(node: string, request: WitnessRequest): Promise<WitnessReply>;
}

export function createWitnesses(dependencies: WitnessDependencies): Witnesses {
  const { log, writer, sign, now, onDispute } = dependencies;
  const sightings = new Map<string, Sighting>();
  const { ledger, fleet } = writer.state;

  const assertCosigned = (name: string, { origin }: Checkpoint, checkpoint: string) => {
    const node = fleet.nodes.get(name);
    if (node === undefined || node.state === "invited") {
      throw refuse("NODE_UNKNOWN", `no node named ${name} is enrolled`);
    }
    const keys = [node.keys, ...(node.former === null ? [] : [node.former])];
    const isBy = ({ signKey: publicKey }: { signKey: Uint8Array }) => {
      try {
        openCosignature(checkpoint, { name: cosignerName(origin, name), publicKey }, noteCrypto);
        return true;
      } catch (error) {
        if (error instanceof CohortError) return false;
        throw error;
      }
    };
    if (!keys.some(isBy)) throw refuse("USAGE", "the node did not cosign the checkpoint it names");
  };

  /** Why this ledger is no continuation of the checkpoint; "" when it is one. */
  const faultOf = (held: Checkpoint, checkpoint: string): string => {
    const { origin } = parseCheckpointBody(log.checkpoint());
    const isOurs = ledger.keys.some(({ key: publicKey }) =>
      isSignedBy({ name: origin, publicKey }, checkpoint),
    );
    if (!isOurs || held.origin !== origin) {
      return "the node holds a checkpoint that no key of this ledger signed";
    }
    if (held.size > log.size) {
      return `the node saw ${held.size} entries; the ledger has ${log.size}: it was rolled back`;
    }
    if (sameHash(proveGrowth(log, held.size).root, held.root)) return "";
    return `of the first ${held.size} entries the node saw others: there are two ledgers`;
  };

  return {
    sightings,
    async answer(node, { nonce, checkpoint, conflict }) {
      let path: readonly Uint8Array[] = [];
      let settled: Uint8Array = new Uint8Array(0);
      if (checkpoint !== "") {
        const held = parseCheckpointBody(checkpoint);
        assertCosigned(node, held, checkpoint);
        sightings.set(node, { checkpoint, size: held.size, toldMs: now() });
        const fault = faultOf(held, checkpoint);
        const reason =
          fault === "" && conflict !== "" ? "the node was shown another ledger" : fault;
        if (reason !== "") {
          const found = { node, checkpoint, conflict, reason };
          if (await writer.decide((state) => decideDispute(state, found, sha256)))
            onDispute(node, reason);
          settled = ledger.givenUp.get(node) ?? settled;
        }
        if (fault === "") path = proveGrowth(log, held.size).path;
      }
      const payload = WitnessAnswer.encode({
        nonce,
        checkpoint: log.checkpoint(),
        path: [...path],
        keys: ledger.keys.map((it) => ({ ...it })),
        settled,
      }).finish();
      return { problems: [], answer: sign(subjects.down(node, "witness"), payload) };
    },
  };
}

function isSignedBy(key: { name: string; publicKey: Uint8Array }, note: string): boolean {
  try {
    openNote(note, key, noteCrypto);
    return true;
  } catch (error) {
    if (error instanceof CohortError) return false;
    throw error;
  }
}
