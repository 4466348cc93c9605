import type { PublicationOffer } from "@cohort/proto/gen/cohort/console";
import type { PublicationIntended } from "@cohort/proto/gen/cohort/ledger";
import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import { attemptId } from "@cohort/proto/proof";
import { schedulerLimits } from "../scheduler/limits.ts";
import type { Runs } from "../scheduler/runs.ts";
import { entry } from "../state/entry.ts";
import type { Recorded } from "../state/event.ts";

/**
 * Offers the messages that wait to the gateways that are there, each to one at a time. It decides
 * nothing and forgets everything when the process ends: the state says what waits.
 */
export interface Outbox {
  /** Durable events, in order. */
  onEvents(recorded: readonly Recorded[]): void;
  /**
   * A gateway is there, and is sent what it is to publish until the returned function is called;
   * what it has not acknowledged by then goes to another. `send` must not throw.
   */
  join(send: (offer: PublicationOffer) => void): () => void;
}

interface Gateway {
  readonly send: (offer: PublicationOffer) => void;
  readonly held: Set<Message>;
}

interface Message {
  readonly intended: PublicationIntended;
  holder: Gateway | null;
}

/** `runs` as the log has it, before anything is decided that is not durable. */
export function createOutbox(runs: Runs): Outbox {
  /** By step, then by attempt, then by channel. */
  const steps = new Map<string, Map<string, Map<string, Message>>>();
  const waiting = new Set<Message>();
  const gateways = new Set<Gateway>();

  const add = (intended: PublicationIntended) => {
    const attempt = intended.attempt as AttemptKey;
    const attempts = entry(steps, stepId(attempt), () => new Map());
    const channels = entry(attempts, attemptId(attempt), () => new Map());
    const message = { intended, holder: null };
    channels.set(intended.channel, message);
    waiting.add(message);
  };
  const drop = (message: Message) => {
    waiting.delete(message);
    message.holder?.held.delete(message);
    message.holder?.send(withdrawal(message.intended));
  };
  /** Of one channel, or of all. */
  const remove = (attempt: AttemptKey, channel: string | null) => {
    const attempts = steps.get(stepId(attempt));
    const channels = attempts?.get(attemptId(attempt));
    if (attempts === undefined || channels === undefined) return;
    for (const name of channel === null ? [...channels.keys()] : [channel]) {
      const message = channels.get(name);
      if (message !== undefined) drop(message);
      channels.delete(name);
    }
    if (channels.size === 0) attempts.delete(attemptId(attempt));
    if (attempts.size === 0) steps.delete(stepId(attempt));
  };
  const removeStep = (step: { readonly run: string; readonly step: string }) => {
    for (const channels of steps.get(stepId(step))?.values() ?? []) {
      for (const message of channels.values()) drop(message);
    }
    steps.delete(stepId(step));
  };
  const offer = () => {
    for (const message of waiting) {
      const gateway = leastBusy(gateways);
      if (gateway === null) return;
      waiting.delete(message);
      message.holder = gateway;
      gateway.held.add(message);
      gateway.send(publication(message.intended));
    }
  };

  for (const ofInstance of runs.publications.values()) ofInstance.forEach(add);
  return {
    onEvents(recorded) {
      for (const { event } of recorded) {
        switch (event.$case) {
          case "publicationIntended":
            add(event.value);
            break;
          case "publicationEnded":
            remove(event.value.attempt as AttemptKey, event.value.channel);
            break;
          case "attemptEnded":
            remove(event.value.attempt as AttemptKey, null);
            break;
          case "stepEnded":
            removeStep(event.value);
            break;
          default:
        }
      }
      offer();
    },
    join(send) {
      const gateway: Gateway = { send, held: new Set() };
      gateways.add(gateway);
      offer();
      return () => {
        gateways.delete(gateway);
        for (const message of gateway.held) {
          message.holder = null;
          waiting.add(message);
        }
        offer();
      };
    },
  };
}

/** Null when none has room. */
function leastBusy(gateways: Iterable<Gateway>): Gateway | null {
  let best: Gateway | null = null;
  for (const gateway of gateways) {
    if (gateway.held.size >= schedulerLimits.publicationsInFlightMax) continue;
    if (best === null || gateway.held.size < best.held.size) best = gateway;
  }
  return best;
}

function publication(intended: PublicationIntended): PublicationOffer {
  const { attempt, channel, ...rest } = intended;
  return {
    offer: { $case: "publication", value: { key: { attempt, channel }, ...rest } },
  };
}

function withdrawal({ attempt, channel }: PublicationIntended): PublicationOffer {
  return { offer: { $case: "withdrawn", value: { attempt, channel } } };
}

function stepId({ run, step }: { readonly run: string; readonly step: string }): string {
  return `${run}/${step}`;
}
