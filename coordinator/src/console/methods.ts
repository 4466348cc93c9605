import { errors } from "@cohort/proto/errors";
import { Problems } from "@cohort/proto/gen/cohort/problem";
import { limits } from "@cohort/proto/limits";
import { CohortError, Problem, problem } from "@cohort/proto/problem";
import {
  Metadata,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceError,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import { authorise, type Caller, type Credential } from "./guard.ts";

/** How every method of the console is wrapped: authorised first, errors as problems after. */
export interface Methods {
  unary<Request, Reply>(
    method: { path: string },
    handler: (request: Request, caller: Caller) => Promise<Reply> | Reply,
  ): (call: ServerUnaryCall<Request, Reply>, done: sendUnaryData<Reply>) => void;
  /** The stream ends when the handler resolves; `signal` aborts when the client has gone. */
  stream<Request, Reply>(
    method: { path: string },
    handler: (
      request: Request,
      send: (reply: Reply) => Promise<void>,
      signal: AbortSignal,
    ) => Promise<void>,
  ): (call: ServerWritableStream<Request, Reply>) => void;
}

export function createMethods(
  credentials: readonly Credential[],
  onFault: (error: unknown) => void,
): Methods {
  return {
    unary:
      ({ path }, handler) =>
      (call, done) => {
        const run = async () => handler(call.request, authorise(credentials, call.metadata, path));
        run().then(
          (reply) => done(null, reply),
          (error: unknown) => done(toServiceError(error, onFault)),
        );
      },
    stream:
      ({ path }, handler) =>
      (call) => {
        const gone = new AbortController();
        call.on("cancelled", () => gone.abort());
        call.on("close", () => gone.abort());
        const run = async () => {
          authorise(credentials, call.metadata, path);
          await handler(call.request, (reply) => write(call, reply, gone.signal), gone.signal);
        };
        run().then(
          () => call.end(),
          (error: unknown) => {
            call.emit("error", toServiceError(error, onFault));
          },
        );
      },
  };
}

/** Resolves when the client can take more. */
async function write<Request, Reply>(
  call: ServerWritableStream<Request, Reply>,
  reply: Reply,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted || call.write(reply)) return;
  await new Promise<void>((resolve) => {
    // A stream lives for as long as its reader, so that neither may leave a listener behind.
    const done = () => {
      call.off("drain", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    call.on("drain", done);
    signal.addEventListener("abort", done);
  });
}

function toServiceError(error: unknown, onFault: (error: unknown) => void): ServiceError {
  const known = error instanceof CohortError ? error : null;
  // A fault of our own may carry anything in its text; the caller learns only that there was one.
  if (known === null) onFault(error);
  const fault =
    known ??
    new CohortError([problem("INTERNAL", "a fault of the coordinator's own; its log says more")]);
  const metadata = new Metadata();
  const encoded = Problems.encode({ problems: fitting(fault.problems) }).finish();
  metadata.set("cohort-problems-bin", Buffer.from(encoded));
  const code = status[errors[fault.code].grpc as keyof typeof status] as status;
  return Object.assign(new Error(fault.message), { code, details: fault.message, metadata });
}

/** As many as fit, and how many are left out. */
function fitting(problems: readonly Problem[]): Problem[] {
  let left = limits.problemsBytesMax;
  const tooMany = problems.findIndex((it) => {
    left -= Problem.encode(it).finish().length;
    return left < 0;
  });
  if (tooMany === -1) return [...problems];
  const message = `${problems.length - tooMany} problems more are not shown`;
  const rest = problem("LIMIT_EXCEEDED", message, { hint: "Mend these first." });
  return [...problems.slice(0, tooMany), rest];
}
