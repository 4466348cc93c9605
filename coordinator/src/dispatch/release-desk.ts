import type { ReleaseReply, ReleaseRequest, SignedRelease } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { refuse } from "@cohort/proto/problem";
import { hexOf } from "../artifacts/decide-stored.ts";
import type { Keeper } from "../artifacts/keeper.ts";
import type { Files } from "../artifacts/spool.ts";
import { decidePublished, openRelease, type Verify } from "../rollout/decide-release.ts";
import { releaseFor } from "../rollout/rollout.ts";
import type { State } from "../state/state.ts";
import type { Writer } from "../state/writer.ts";

export interface ReleaseDeskDependencies {
  readonly writer: Writer;
  readonly spool: Files;
  readonly keeper: Keeper;
  readonly verify: Verify;
}

/** Binaries of the agent on their way into the object store, and out of it to nodes. */
export interface ReleaseDesk {
  /**
   * Keeps the binary, if it is what the release says and that is signed by the trusted key. False
   * where it was there already. Throws as decidePublished, and RELEASE_INVALID.
   */
  publish(signed: SignedRelease, binary: Uint8Array, actor: string): Promise<boolean>;
  /** A piece for a node that is told to update to it. Throws RELEASE_UNKNOWN. */
  piece(node: string, request: ReleaseRequest): Promise<ReleaseReply>;
}

export function createReleaseDesk({
  writer,
  spool,
  keeper,
  verify,
}: ReleaseDeskDependencies): ReleaseDesk {
  const { state } = writer;
  return {
    async publish(signed, binary, actor) {
      const release = openRelease(state.rollouts, signed, verify);
      if (!decidePublished(state.rollouts, signed, actor, verify).value) return false;
      const staged = spool.stage(binary.length);
      try {
        await staged.append(binary);
        const sha256 = staged.digest();
        if (binary.length !== release.size || sha256 !== hexOf(release.sha256)) {
          throw refuse("RELEASE_INVALID", "the binary is not the one that the release is about");
        }
        let isNew = false;
        await keeper.store(staged, sha256, async () => {
          isNew = await writer.decide(({ rollouts }) =>
            decidePublished(rollouts, signed, actor, verify),
          );
        });
        return isNew;
      } finally {
        await staged.discard();
      }
    },
    async piece(node, { sha256, offset }) {
      assertAwaited(state, node, hexOf(sha256));
      const data = await keeper.read(hexOf(sha256), offset, limits.releasePieceBytesMax);
      return { problems: [], data };
    },
  };
}

/** A node may fetch what it is told to become, and nothing else. */
function assertAwaited({ rollouts, fleet }: State, name: string, sha256: string): void {
  const rollout = rollouts.current;
  const node = fleet.nodes.get(name);
  if (
    rollout?.updates.get(name)?.state === "sent" &&
    node !== undefined &&
    node.state !== "invited"
  ) {
    const published = releaseFor(rollouts, rollout.request.version, node.probed.arch);
    if (published !== null && hexOf(published.release.sha256) === sha256) return;
  }
  throw refuse("RELEASE_UNKNOWN", "the node is told of no such release");
}
