import {
  type EventsServer,
  EventsService,
  type PublicationOffer,
  type TriggerSet,
} from "@cohort/proto/gen/cohort/console";
import { refuse } from "@cohort/proto/problem";
import type { Outbox } from "../dispatch/outbox.ts";
import type { RunHistory } from "../history/history.ts";
import { decidePublished } from "../scheduler/decide-published.ts";
import type { Feed } from "../state/feed.ts";
import type { Writer } from "../state/writer.ts";
import { submitEvent } from "../triggers/submit-event.ts";
import { submitWebhook } from "../triggers/submit-webhook.ts";
import { triggerSet } from "../triggers/triggers.ts";
import type { Vault } from "../vault/vault.ts";
import { createMailbox } from "./mailbox.ts";
import type { Methods } from "./methods.ts";
import { createWaker } from "./waker.ts";

export interface EventsDependencies {
  readonly writer: Writer;
  readonly feed: Feed;
  readonly history: RunHistory;
  readonly outbox: Outbox;
  readonly webhookKeys: Pick<Vault, "withEachSecret">;
  readonly now: () => number;
  readonly newId: () => string;
}

export function eventsService(
  { unary, stream }: Methods,
  dependencies: EventsDependencies,
): EventsServer {
  const { writer, feed, history, outbox, newId } = dependencies;
  return {
    submit: unary(EventsService.submit, (request, caller) =>
      submitEvent(writer, history, request, caller.name, newId()),
    ),
    submitWebhook: unary(EventsService.submitWebhook, (request, caller) =>
      submitWebhook(dependencies, request, caller.name),
    ),
    watchTriggers: stream(EventsService.watchTriggers, async (_, send, signal) => {
      const waker = createWaker(
        feed,
        signal,
        (change) =>
          change.kind === "events" &&
          change.recorded.some(({ event }) => event.$case === "resourcesApplied"),
      );
      try {
        const current = () => writer.read(({ catalogue }) => triggerSet(catalogue));
        do await send((await current()) satisfies TriggerSet);
        while (await waker.next());
      } finally {
        waker.close();
      }
    }),
    watchPublications: stream(EventsService.watchPublications, async (_, send, signal) => {
      const mailbox = createMailbox<PublicationOffer>(signal);
      const leave = outbox.join((offer) => mailbox.put(offer));
      try {
        for (let offers = await mailbox.take(); offers !== null; offers = await mailbox.take()) {
          for (const offer of offers) await send(offer);
        }
      } finally {
        leave();
      }
    }),
    acknowledgePublication: unary(
      EventsService.acknowledgePublication,
      async ({ key, refusal }, { name: gateway }) => {
        if (key?.attempt === undefined) throw refuse("USAGE", "the request names no attempt");
        const published = { attempt: key.attempt, channel: key.channel, gateway, refusal };
        await writer.decide((state) => decidePublished(state.runs, published));
        return {};
      },
    ),
  };
}
