import {
  type EventsServer,
  EventsService,
  type TriggerSet,
} from "@cohort/proto/gen/cohort/console";
import type { RunHistory } from "../history/history.ts";
import type { Feed } from "../state/feed.ts";
import type { Writer } from "../state/writer.ts";
import { submitEvent, triggerSet } from "../triggers/triggers.ts";
import type { Methods } from "./methods.ts";
import { createWaker } from "./waker.ts";

export interface EventsDependencies {
  readonly writer: Writer;
  readonly feed: Feed;
  readonly history: RunHistory;
  readonly newId: () => string;
}

export function eventsService(
  { unary, stream }: Methods,
  { writer, feed, history, newId }: EventsDependencies,
): EventsServer {
  return {
    submit: unary(EventsService.submit, (request, caller) =>
      submitEvent(writer, history, request, caller.name, newId()),
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
        do await send(triggerSet(writer.state.catalogue) satisfies TriggerSet);
        while (await waker.next());
      } finally {
        waker.close();
      }
    }),
  };
}
