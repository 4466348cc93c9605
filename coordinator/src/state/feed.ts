import type { Recorded } from "./event.ts";

/** Something a watcher may wait for: durable events, or new output of a run's steps. */
export type Change =
  | { readonly kind: "events"; readonly recorded: readonly Recorded[] }
  | { readonly kind: "output"; readonly runs: ReadonlySet<string> };

/** Tells watchers what became durable. Handlers must not throw and must not wait. */
export interface Feed {
  publish(change: Change): void;
  /** Returns the way to end the subscription. */
  subscribe(handler: (change: Change) => void): () => void;
}

export function createFeed(): Feed {
  const handlers = new Set<(change: Change) => void>();
  return {
    publish(change) {
      for (const handler of handlers) handler(change);
    },
    subscribe(handler) {
      handlers.add(handler);
      return () => handlers.delete(handler);
    },
  };
}

/** Run that an event is about, or "". */
export function runOf({ event }: Recorded): string {
  switch (event.$case) {
    case "runStarted":
    case "runBegan":
    case "stepPlanned":
    case "stepExtended":
    case "stepCached":
    case "stepEnded":
    case "runStopping":
    case "stepTaken":
    case "runPaused":
    case "runResumed":
    case "runEnded":
    case "retryDue":
      return event.value.run;
    case "attemptScheduled":
    case "attemptAccepted":
    case "attemptStarted":
    case "attemptEnded":
    case "approvalRequested":
    case "approvalDecided":
    case "artifactStored":
    case "publicationIntended":
    case "publicationEnded":
    case "callIntended":
    case "deviceActuated":
    case "tokenRevoked":
      return event.value.attempt?.run ?? "";
    default:
      return "";
  }
}
