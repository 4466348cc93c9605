import { RotateReply, RotateRequest } from "@cohort/proto/gen/cohort/node";
import { CohortError } from "@cohort/proto/problem";
import { rotateProof } from "@cohort/proto/proof";
import { subjects } from "@cohort/proto/subjects";
import type { Host } from "../host.ts";
import type { KeyRing } from "../key-ring.ts";
import { agentLimits } from "../limits.ts";
import type { Bus } from "./bus.ts";

/**
 * Gives the node other keys, proven by those that they replace. Cut off anywhere it can be done
 * again, with the same. Rejects with a CohortError, or a HostError of the disk.
 */
export async function rotateKeys(
  { host, node, keys }: { readonly host: Host; readonly node: string; readonly keys: KeyRing },
  bus: Bus,
): Promise<void> {
  const { sign } = host.crypto;
  const former = keys.current;
  const next = keys.prepare();
  const fields = {
    natsKey: next.nats.publicKey,
    signKey: next.sign.publicKey,
    boxKey: next.box.publicKey,
  };
  const claim = rotateProof({ node, formerSignKey: former.sign.publicKey, ...fields });
  const request = RotateRequest.encode({
    ...fields,
    formerProof: sign(claim, former.sign.secretKey),
    proof: sign(claim, next.sign.secretKey),
    natsProof: sign(claim, next.nats.secretKey),
  }).finish();
  const subject = subjects.up(node, "rotate");
  const { problems, userJwt } = RotateReply.decode(
    await bus.request(subject, request, agentLimits.requestMsMax),
  );
  if (problems.length > 0) throw new CohortError(problems);
  keys.adopt(userJwt);
}
