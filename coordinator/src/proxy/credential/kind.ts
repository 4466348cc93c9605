import type { Header } from "@cohort/proto/gen/cohort/node";
import { refuse } from "@cohort/proto/problem";
import { proxyLimits } from "../limits.ts";

/** A request that is ready but for its credential. */
export interface Unsigned {
  readonly method: string;
  /** Host, and port where it is not 443. */
  readonly host: string;
  /** As it is sent: with the path of `base_url` and with query. */
  readonly path: string;
  readonly headers: readonly Header[];
  /** Empty where none of it is signed (`signsBody`), and it may be a stream. */
  readonly body: Uint8Array;
}

/** What a credential changes of a request. */
export type Signed = Pick<Unsigned, "path" | "headers">;

/** A service's credential while it is lent to one call. */
export interface Credential {
  /** Puts it into the request, as the last thing that is done to that. */
  readonly sign: (request: Unsigned) => Signed;
  /** PEM of a certificate and its key, to show when the connection is made; null for none. */
  readonly certificate: Buffer | null;
  /** What no answer may carry. */
  readonly secrets: readonly Buffer[];
  /** Tells credentials and their versions apart without being one; "" for none. */
  readonly id: string;
}

export const noCredential: Credential = {
  sign: ({ path, headers }) => ({ path, headers }),
  certificate: null,
  secrets: [],
  id: "",
};

/** What a kind of credential makes of its secret; throws SECRET_UNAVAILABLE where it can't. */
export interface Made {
  readonly sign?: (request: Unsigned, nowMs: number) => Signed;
  readonly certificate?: Buffer;
  /** What no answer may carry beside the secret itself. They are wiped with it. */
  readonly secrets?: readonly Buffer[];
}

/** Overwrites what the request says under the same names. */
export function withHeaders(headers: readonly Header[], own: readonly Header[]): Header[] {
  const names = new Set(own.map(({ name }) => name));
  return [...headers.filter(({ name }) => !names.has(name)), ...own];
}

/**
 * The secret as text, since HTTP libraries take nothing else: a copy of it lives in that for the
 * time of the call. Throws SECRET_UNAVAILABLE when it is not printable ASCII on one line.
 */
export function printable(secret: Buffer): string {
  const text = secret.toString("latin1");
  const fits = text.length > 0 && text.length <= proxyLimits.credentialBytesMax;
  if (!fits || !/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text)) {
    throw unfit("it must be printable ASCII on one line");
  }
  return text;
}

/** In words that tell nothing of the secret but the form that it must have. */
export function unfit(form: string): Error {
  return refuse("SECRET_UNAVAILABLE", "the service's secret cannot be sent as its `auth` says", {
    hint: `${form}; set it again`,
  });
}
