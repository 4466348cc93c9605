import { type AgentsServer, AgentsService } from "@cohort/proto/gen/cohort/console";
import type { ReleaseKey, SignedRelease } from "@cohort/proto/gen/cohort/node";
import { refuse } from "@cohort/proto/problem";
import type { ReleaseDesk } from "../dispatch/release-desk.ts";
import { decideRemoved, decideTrust, type Verify } from "../rollout/decide-release.ts";
import { decideRollout, decideRolloutChange } from "../rollout/decide-rollout.ts";
import type { Rollouts } from "../rollout/rollout.ts";
import { rolloutView } from "../rollout/rollout-view.ts";
import type { Writer } from "../state/writer.ts";
import type { Methods } from "./methods.ts";

export interface AgentsDependencies {
  readonly writer: Writer;
  readonly releases: Pick<ReleaseDesk, "publish">;
  readonly verify: Verify;
  /** A ULID that was never given before. */
  readonly newId: () => string;
}

export function agentsService(
  { unary }: Methods,
  { writer, releases, verify, newId }: AgentsDependencies,
): AgentsServer {
  return {
    trust: unary(AgentsService.trust, async ({ key }, { name: actor }) => ({
      changed: await writer.decide(({ rollouts }) =>
        decideTrust(rollouts, key ?? noKey, actor, verify),
      ),
    })),
    publish: unary(AgentsService.publish, async ({ signed, binary }, { name: actor }) => ({
      changed: await releases.publish(signed ?? unsigned, binary, actor),
    })),
    remove: unary(AgentsService.remove, async ({ version }, { name: actor }) => {
      await writer.decide(({ rollouts }) => decideRemoved(rollouts, version, actor));
      return {};
    }),
    list: unary(AgentsService.list, () => writer.read(({ rollouts }) => releasesView(rollouts))),
    rollout: unary(AgentsService.rollout, async (request, { name: actor }) => {
      const rollout = newId();
      const started = { ...request, rollout, actor };
      return { rollout: await writer.decide((state) => decideRollout(state, started)) };
    }),
    change: unary(AgentsService.change, async (request, { name: actor }) => ({
      changed: await writer.decide(({ rollouts }) =>
        decideRolloutChange(rollouts, { ...request, actor }),
      ),
    })),
    status: unary(AgentsService.status, async () => {
      const status = await writer.read(rolloutView);
      if (status === null) throw refuse("ROLLOUT_UNKNOWN", "there was no rollout yet");
      return status;
    }),
  };
}

function releasesView({ keys, releases }: Rollouts) {
  return {
    keys: keys.map(({ key }) => key),
    releases: [...releases.values()]
      .flatMap((ofVersion) => [...ofVersion.values()])
      .map(({ release, publishedMs }) => ({ release: { ...release }, publishedMs })),
  };
}

const noKey: ReleaseKey = { key: new Uint8Array(0), signature: new Uint8Array(0) };
const unsigned: SignedRelease = { payload: new Uint8Array(0), signature: new Uint8Array(0) };
