import type { WitnessesReply } from "@cohort/proto/gen/cohort/console";
import { parseCheckpointBody } from "@cohort/proto/ledger/checkpoint";
import { cosignerName, encodeCosignerKey } from "@cohort/proto/ledger/cosignature";
import type { State } from "../state/state.ts";
import { sha256 } from "./crypto.ts";
import type { Sighting } from "./witness-desk.ts";

/** Every node that could have seen the ledger, by name. */
export function witnessesView(
  { fleet, ledger }: State,
  sightings: ReadonlyMap<string, Sighting>,
): WitnessesReply {
  const nodes = [...fleet.nodes.values()].filter((it) => it.state !== "invited");
  const witnesses = nodes.map(({ node, keys }) => {
    const dispute = ledger.disputes.get(node);
    const seen = sightings.get(node);
    const checkpoint = seen?.checkpoint ?? dispute?.checkpoint ?? "";
    const origin = checkpoint === "" ? "" : parseCheckpointBody(checkpoint).origin;
    const cosigner = { name: cosignerName(origin, node), publicKey: keys.signKey };
    return {
      node,
      size: checkpoint === "" ? 0 : parseCheckpointBody(checkpoint).size,
      toldMs: seen?.toldMs ?? 0,
      checkpoint,
      verifierKey: checkpoint === "" ? "" : encodeCosignerKey(cosigner, sha256),
      dispute: dispute?.reason ?? "",
      disputedMs: dispute?.sinceMs ?? 0,
    };
  });
  return { witnesses: witnesses.sort((one, other) => (one.node < other.node ? -1 : 1)) };
}
