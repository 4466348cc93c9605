import { errors } from "@cohort/proto/errors";
import { Problems } from "@cohort/proto/gen/cohort/problem";
import { CohortError, refuse } from "@cohort/proto/problem";
import { type Metadata, type ServiceError, status } from "@grpc/grpc-js";

/** Trailing metadata in which the coordinator sends an encoded `Problems`. */
const problemsKey = "cohort-problems-bin";

/** What went wrong in a call, as the coordinator put it; without its word, from gRPC's status. */
export function toCohortError(error: unknown, endpoint: string): CohortError {
  if (error instanceof CohortError) return error;
  if (!isServiceError(error)) return refuse("INTERNAL", textOf(error), undefined, error);
  const problems = problemsIn(error.metadata);
  if (problems.length > 0) return new CohortError(problems, { cause: error });
  switch (error.code) {
    case status.UNAVAILABLE:
      return refuse(
        "UNREACHABLE",
        `the coordinator at ${endpoint} does not answer`,
        {
          hint: hintFor(error.details),
        },
        error,
      );
    case status.DEADLINE_EXCEEDED:
      return refuse(
        "UNREACHABLE",
        `the coordinator at ${endpoint} did not answer in time`,
        {
          hint: "Is it overloaded, or stopped? `cohort doctor` looks.",
        },
        error,
      );
    case status.CANCELLED:
      return refuse("UNREACHABLE", "the call was cancelled", undefined, error);
    case status.UNAUTHENTICATED:
      return refuse(
        "UNAUTHENTICATED",
        "the coordinator does not know the context's token",
        {
          hint: "Was the mesh set up anew? Take the context file that it wrote.",
        },
        error,
      );
    case status.PERMISSION_DENIED:
      return refuse("FORBIDDEN", "the context's role does not allow this", undefined, error);
    case status.RESOURCE_EXHAUSTED:
      return refuse("LIMIT_EXCEEDED", error.details, undefined, error);
    default:
      return refuse("INTERNAL", `${status[error.code]}: ${error.details}`, undefined, error);
  }
}

function problemsIn(metadata: Metadata | undefined): Problems["problems"] {
  const [encoded] = metadata?.get(problemsKey) ?? [];
  if (!Buffer.isBuffer(encoded)) return [];
  try {
    return Problems.decode(encoded).problems;
  } catch {
    return [];
  }
}

function hintFor(details: string): string {
  return /certificate|altname|self.signed|unable to verify/i.test(details)
    ? "Its certificate is not signed by the context's authority: is this the right context?"
    : "Is the coordinator up? `cohort up` starts one.";
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "code" in error && "details" in error && "metadata" in error;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Whether the same request may succeed later: the coordinator is away or cannot write, or the token
 * is being exchanged. All else is a verdict on the request.
 */
export function mayPass(error: CohortError): boolean {
  return errors[error.code].grpc === "UNAVAILABLE" || error.code === "UNAUTHENTICATED";
}
