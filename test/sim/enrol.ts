import { decideEnrol } from "../../coordinator/src/fleet/decide-enrol.ts";
import { decideInvite } from "../../coordinator/src/fleet/decide-invite.ts";
import type { Writer } from "../../coordinator/src/state/writer.ts";
import type { Checks } from "./checks.ts";
import type { VirtualClock } from "./clock.ts";
import { digest } from "./crypto.ts";
import type { Board } from "./node-process.ts";

export interface EnrolOptions {
  readonly clock: VirtualClock;
  readonly checks: Checks;
  /** Of the coordinator that lives now, if one does. */
  readonly writer: () => Writer | undefined;
  /** An invite that no board had before. */
  readonly invite: string;
}

/** Resolves when the board's keys are in the log, which stays. */
export async function enrolBoard(
  { name, keys, facts, options }: Board,
  { clock, checks, writer, invite }: EnrolOptions,
): Promise<void> {
  const secretHash = digest(Buffer.from(invite));
  const invited = { name, labels: options.labels, actor: "operator", invite, secretHash };
  const command = {
    invite,
    secretHash,
    natsKey: keys.nats.publicKey,
    signKey: keys.sign.publicKey,
    boxKey: keys.box.publicKey,
    facts,
    proofValid: true,
  };
  while (!checks.wasEnrolled(keys.nats.publicKey)) {
    const asked = writer();
    const enrol = async () => {
      await asked?.decide(({ fleet }, nowMs) => decideInvite(fleet, invited, nowMs));
      await asked?.decide(({ fleet }, nowMs) => decideEnrol(fleet, command, nowMs));
    };
    // One that was refused by a full disk, or not answered, asks again.
    enrol().catch(() => {});
    await clock.sleep(2_000);
    checks.readLog();
  }
}
