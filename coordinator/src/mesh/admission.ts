import { type RequestVerb, requestBounds } from "./limits.ts";

/** Keeps any one sender from taking the coordinator for itself. */
export interface Admission {
  /** Null when the sender asks too much; otherwise to be called when the request is answered. */
  admit(sender: string, verb: RequestVerb): (() => void) | null;
}

/**
 * A count of requests in flight and a token bucket for each sender and verb. Senders are names that
 * nats-server verified, so there are no more of them than nodes and invites.
 */
export function createAdmission(now: () => number): Admission {
  const buckets = new Map<string, Bucket>();
  return {
    admit(sender, verb) {
      const { inFlightMax, perMinuteMax } = requestBounds[verb];
      const key = `${verb} ${sender}`;
      const bucket = buckets.get(key) ?? { inFlight: 0, tokens: perMinuteMax, filledMs: now() };
      buckets.set(key, bucket);
      fill(bucket, perMinuteMax, now());
      if (bucket.inFlight >= inFlightMax || bucket.tokens < 1) return null;
      bucket.tokens -= 1;
      bucket.inFlight += 1;
      return () => {
        bucket.inFlight -= 1;
      };
    },
  };
}

interface Bucket {
  inFlight: number;
  tokens: number;
  filledMs: number;
}

function fill(bucket: Bucket, perMinuteMax: number, nowMs: number): void {
  const elapsedMs = Math.max(0, nowMs - bucket.filledMs);
  bucket.tokens = Math.min(perMinuteMax, bucket.tokens + (elapsedMs / 60_000) * perMinuteMax);
  bucket.filledMs = nowMs;
}
