import { decodeJoinToken, encodeJoinToken } from "@cohort/proto/join-token";
import { CohortError } from "@cohort/proto/problem";
import { loadIdentity, saveIdentity } from "../../src/identity.ts";
import { mustEqual, plantedFault } from "./kit.ts";
import { memoryHost } from "./memory-host.ts";

/** The identity that the node finds on its disk, and the token that somebody pasted. */
export function fuzzConfig(input: Uint8Array): void {
  const host = memoryHost({ "/identity.json": input });
  const identity = orRefused(() => loadIdentity(host, ""));
  if (identity !== null) {
    saveIdentity(host, "", identity);
    mustEqual(loadIdentity(host, ""), identity, "an identity changes on its way");
    plantedFault((identity.enrolment?.node ?? "press-07") !== "press-07");
  }
  const text = new TextDecoder().decode(input);
  const token = orRefused(() => decodeJoinToken(text));
  if (token === null) return;
  mustEqual(decodeJoinToken(encodeJoinToken(token)), token, "a token changes on its way");
}

function orRefused<Value>(read: () => Value): Value | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof CohortError) return null;
    throw error;
  }
}
