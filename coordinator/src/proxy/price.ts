import type { Service } from "@cohort/proto/resources/service";

/** What a call is going to be, as far as its price depends on it. */
export interface PricedRequest {
  readonly method: string;
  readonly path: string;
  /** null where the price does not depend on it, and it is yet to come. */
  readonly body: Uint8Array | null;
  /** Of the body, in bytes; null while nobody knows. */
  readonly length: number | null;
}

/** What a call may cost, known before it is made. */
export interface Price {
  /** null when the service does not say. */
  readonly worstCaseNanoUsd: number | null;
  /** In the place of the request's body, where that would have cost more; null as it is. */
  readonly body: Uint8Array | null;
  readonly meter: Meter;
}

/** Looks at an answer as it passes, and says what the call has cost. */
export interface Meter {
  /** "cut" when the answer must not go on: more of it could cost more than was reserved. */
  onChunk(bytes: Uint8Array): "continue" | "cut";
  /** In nano-USD. */
  settle(end: CallEnd): number;
}

export interface CallEnd {
  /** Whether a byte of the request may have left. */
  readonly sent: boolean;
  /** Whether the answer came to its end. */
  readonly complete: boolean;
  /** 0 when there was no answer. */
  readonly status: number;
  readonly bytesOut: number;
  readonly bytesIn: number;
}

/** Whether `worstCase` must see all of the body, which is gathered for it. */
export function pricesBody(_service: Service): boolean {
  return false;
}

/** A call that may have left costs what was reserved for it; one that did not costs nothing. */
export function worstCase(service: Service, _request: PricedRequest): Price {
  const worstCaseNanoUsd = service.pricing?.per_call ?? null;
  const meter: Meter = {
    onChunk: () => "continue",
    settle: ({ sent }) => (sent ? (worstCaseNanoUsd ?? 0) : 0),
  };
  return { worstCaseNanoUsd, body: null, meter };
}
