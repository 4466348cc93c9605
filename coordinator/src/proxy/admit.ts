import type { AttemptKey, Header } from "@cohort/proto/gen/cohort/node";
import { refuse } from "@cohort/proto/problem";
import type { Service } from "@cohort/proto/resources/service";
import { httpMethods } from "@cohort/proto/resources/service/rules";
import type { CallBody } from "./body.ts";
import { requestHeaders } from "./headers.ts";
import { allows, parsePath } from "./path.ts";
import { queryNames } from "./query.ts";

/** Who calls, what is asked for: as it came, before anything is believed. */
export interface Asked {
  readonly service: string;
  readonly method: string;
  readonly path: string;
  readonly headers: readonly Header[];
  readonly hasBody: boolean;
}

/** A call that its grants and limits allow. */
export interface Admitted {
  readonly attempt: AttemptKey;
  /** "" when the coordinator itself calls. */
  readonly node: string;
  readonly token: string;
  readonly tokenSeq: number;
  readonly service: Service;
  readonly method: (typeof httpMethods)[number];
  /** With query. */
  readonly path: string;
  readonly headers: readonly Header[];
  readonly body: CallBody;
}

/**
 * Matches what is asked for with the grants of the step and the rules of the service, then with the
 * limits. `service` is null when the step was not granted it or nobody defined it, which reads the
 * same from outside. Throws GRANT_MISSING, USAGE or LIMIT_EXCEEDED. How long the body may be is seen as
 * it comes.
 */
export function admit(
  asked: Asked,
  service: Service | null,
): Pick<Admitted, "service" | "method" | "path" | "headers"> {
  const { path, query } = parsePath(asked.path);
  const method = httpMethods.find((it) => it === asked.method);
  const names = queryNames(query);
  if (service === null || method === undefined || !allows(service.allow, method, path, names)) {
    throw refuse("GRANT_MISSING", "the step was not granted this service, method and path", {
      hint: "name the service in the step's `grants`, and path and query in the service's `allow`",
    });
  }
  checkCredential(service, names);
  const headers = requestHeaders(asked.headers, service.headers);
  if (asked.hasBody && (method === "GET" || method === "HEAD")) {
    throw refuse("USAGE", `a ${method} request has no body`);
  }
  return { service, method, path: path + query, headers };
}

/** Two parameters of one name: nobody knows which of them a server takes. */
function checkCredential({ auth }: Service, names: readonly string[]): void {
  const own = auth.type === "query" ? auth.parameter.toLowerCase() : null;
  if (names.some((name) => name.toLowerCase() === own)) {
    throw refuse("USAGE", "the query has the parameter that the service's credential is sent in");
  }
}
