import { readContext } from "@cohort/gateway/src/console-client/context.ts";
import * as definitions from "@cohort/proto/gen/cohort/console";
import { Problems } from "@cohort/proto/gen/cohort/problem";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";

/** A method of the console as the generated code defines it. */
export interface ConsoleMethod {
  readonly path: string;
  readonly responseStream: boolean;
  readonly requestSerialize: (request: never) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => unknown;
}

/** Every method of every service in proto/gen, whatever the rest of the product knows of it. */
export const consoleMethods: readonly ConsoleMethod[] = Object.entries(definitions)
  .filter(([name]) => name.endsWith("Service"))
  .flatMap(([, service]) => Object.values(service) as ConsoleMethod[]);

/** How a call ended: gRPC's status by name, and Cohort's own code where there is one. */
export interface CallEnd {
  readonly status: string;
  readonly code: string;
  /** Messages as they came over the wire. */
  readonly answers: readonly Buffer[];
}

/** The console without any client of Cohort's: any path, any bytes, any metadata. */
export class RawConsole {
  readonly #client: Client;

  constructor(context: string) {
    const { endpoint, ca } = readContext(context);
    this.#client = new Client(endpoint, credentials.createSsl(Buffer.from(ca)), {
      "grpc.max_send_message_length": -1,
      "grpc.max_receive_message_length": -1,
      "grpc.enable_http_proxy": 0,
    });
  }

  /** Every method is called as a stream: the wire is the same. Ended after `deadlineMs`. */
  call(
    path: string,
    metadata: Readonly<Record<string, string>>,
    request: Buffer = Buffer.alloc(0),
    deadlineMs = 5_000,
  ): Promise<CallEnd> {
    const sent = new Metadata();
    for (const [name, value] of Object.entries(metadata)) sent.set(name, value);
    const pass = (bytes: Buffer) => bytes;
    const options = { deadline: Date.now() + deadlineMs };
    const stream = this.#client.makeServerStreamRequest(path, pass, pass, request, sent, options);
    const answers: Buffer[] = [];
    return new Promise((resolve) => {
      stream.on("data", (answer: Buffer) => void answers.push(answer));
      stream.on("error", (error: ServiceError) =>
        resolve({ status: status[error.code], code: codeOf(error), answers }),
      );
      stream.on("end", () => resolve({ status: "OK", code: "", answers }));
    });
  }

  close(): void {
    this.#client.close();
  }
}

/** The bearer token of a context file, as metadata. */
export function bearerOf(context: string): Record<string, string> {
  return { authorization: `Bearer ${readContext(context).token}` };
}

function codeOf({ metadata }: ServiceError): string {
  const [encoded] = metadata?.get("cohort-problems-bin") ?? [];
  return Buffer.isBuffer(encoded) ? (Problems.decode(encoded).problems[0]?.code ?? "") : "";
}
