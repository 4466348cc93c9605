import { type CallRefused, Entry } from "@cohort/proto/gen/cohort/ledger";
import type { TestMesh } from "./mesh.ts";

/** Every entry of the ledger, as the console exports it. */
export async function ledgerEntries({ client }: TestMesh): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const { leaves } of client.stream(client.ledger, client.ledger.export, {})) {
    entries.push(...leaves.map(({ json }) => Entry.fromJSON(JSON.parse(json))));
  }
  return entries;
}

/** Calls of a node that the ledger says were refused, in order; "" for the coordinator's own. */
export async function refusalsOf(mesh: TestMesh, node: string): Promise<CallRefused[]> {
  return (await ledgerEntries(mesh)).flatMap(({ event }) =>
    event?.$case === "callRefused" && event.value.node === node ? [event.value] : [],
  );
}
