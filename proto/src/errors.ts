import { workErrors } from "./work-errors.ts";

/**
 * The registry of error codes. A code is stable: programs match on it, the documentation is made
 * from it. `exit` is the exit status of the `cohort` command; `grpc` the status over gRPC.
 */
export const errors = {
  // Usage and input
  USAGE: {
    exit: 2,
    grpc: "INVALID_ARGUMENT",
    meaning: "The command or request is not well formed.",
  },
  YAML_SYNTAX: {
    exit: 4,
    grpc: "INVALID_ARGUMENT",
    meaning: "The file is not the YAML 1.2 that Cohort accepts.",
  },
  RESOURCE_KIND_UNKNOWN: {
    exit: 4,
    grpc: "INVALID_ARGUMENT",
    meaning: "The document's `kind` is none of Cohort's.",
  },
  RESOURCE_KEY_UNKNOWN: {
    exit: 4,
    grpc: "INVALID_ARGUMENT",
    meaning: "The document has a key that means nothing here.",
  },
  RESOURCE_INVALID: {
    exit: 4,
    grpc: "INVALID_ARGUMENT",
    meaning: "A value is missing or of the wrong form.",
  },
  RESOURCE_DUPLICATE: {
    exit: 4,
    grpc: "INVALID_ARGUMENT",
    meaning: "Two documents define the same resource.",
  },
  RESOURCE_REFERENCE_UNKNOWN: {
    exit: 4,
    grpc: "INVALID_ARGUMENT",
    meaning: "A resource names another that does not exist.",
  },
  STEP_KIND_UNKNOWN: {
    exit: 4,
    grpc: "INVALID_ARGUMENT",
    meaning: "A step has none, or more than one, of the keys that say what it does.",
  },
  STEP_DEPENDS_UNKNOWN: {
    exit: 4,
    grpc: "INVALID_ARGUMENT",
    meaning: "A step depends on one that is not in the workflow.",
  },
  STEP_CYCLE: {
    exit: 4,
    grpc: "INVALID_ARGUMENT",
    meaning: "Steps depend on one another in a circle.",
  },
  WORKFLOW_CYCLE: {
    exit: 4,
    grpc: "INVALID_ARGUMENT",
    meaning: "Workflows start one another in a circle.",
  },
  EXPRESSION_INVALID: {
    exit: 4,
    grpc: "INVALID_ARGUMENT",
    meaning: "An expression does not parse, or names what is not there.",
  },
  EXPRESSION_IN_SCRIPT: {
    exit: 4,
    grpc: "INVALID_ARGUMENT",
    meaning: "An expression stands inside program text, where data would become code.",
  },
  SCHEDULE_INVALID: {
    exit: 4,
    grpc: "INVALID_ARGUMENT",
    meaning: "A schedule's cron expression or time zone is not valid, or its time never comes.",
  },
  SCRIPT_SYNTAX: { exit: 4, grpc: "INVALID_ARGUMENT", meaning: "A script does not parse." },
  SELECTOR_UNKNOWN: {
    exit: 4,
    grpc: "INVALID_ARGUMENT",
    meaning: "A node selector names a property that nodes do not have.",
  },
  ACTUATION_UNAPPROVED: {
    exit: 4,
    grpc: "INVALID_ARGUMENT",
    meaning: "A step would actuate a device whose grant requires an `approve` step before it.",
  },
  LIMIT_EXCEEDED: {
    exit: 4,
    grpc: "INVALID_ARGUMENT",
    meaning: "Something is larger than its named limit.",
  },
  INPUT_INVALID: {
    exit: 4,
    grpc: "INVALID_ARGUMENT",
    meaning: "The run's inputs do not fit the workflow's declaration.",
  },
  EVENT_PAYLOAD_INVALID: {
    exit: 4,
    grpc: "INVALID_ARGUMENT",
    meaning: "The event's payload is not JSON, or nested too deeply.",
  },
  WEBHOOK_UNVERIFIED: {
    exit: 4,
    grpc: "PERMISSION_DENIED",
    meaning: "No key that a webhook of this path names has signed the request, in this time.",
  },

  // What is asked for is not there, or not allowed
  WORKFLOW_UNKNOWN: { exit: 4, grpc: "NOT_FOUND", meaning: "No workflow has this name." },
  RESOURCE_UNKNOWN: {
    exit: 4,
    grpc: "NOT_FOUND",
    meaning: "No resource of this kind and name has been applied.",
  },
  VERSION_UNKNOWN: {
    exit: 4,
    grpc: "NOT_FOUND",
    meaning: "The resource has no such version, or several that begin so.",
  },
  RUN_UNKNOWN: { exit: 4, grpc: "NOT_FOUND", meaning: "No run has this id." },
  SESSION_OVER: {
    exit: 1,
    grpc: "FAILED_PRECONDITION",
    meaning: "The node has begun another one.",
  },
  RUN_QUEUED: { exit: 4, grpc: "FAILED_PRECONDITION", meaning: "The run waits for its group." },
  RUN_ENDED: { exit: 4, grpc: "FAILED_PRECONDITION", meaning: "The run has ended." },
  RUN_NOT_ENDED: { exit: 4, grpc: "FAILED_PRECONDITION", meaning: "The run goes on." },
  RUN_SUCCEEDED: { exit: 4, grpc: "FAILED_PRECONDITION", meaning: "Nothing of the run failed." },
  STEP_UNKNOWN: { exit: 4, grpc: "NOT_FOUND", meaning: "The workflow has no step of this name." },
  STEP_ENDED: { exit: 4, grpc: "FAILED_PRECONDITION", meaning: "The step has ended." },
  STEP_BLOCKED: { exit: 4, grpc: "FAILED_PRECONDITION", meaning: "What it depends on failed." },
  RETRY_INCOMPLETE: { exit: 4, grpc: "FAILED_PRECONDITION", meaning: "An output is kept no more." },
  NODE_UNKNOWN: { exit: 4, grpc: "NOT_FOUND", meaning: "No node has this name." },
  DEVICE_UNKNOWN: { exit: 4, grpc: "NOT_FOUND", meaning: "The node has no such device." },
  NODE_UNCORDONED: {
    exit: 4,
    grpc: "ABORTED",
    meaning: "The node was given work again before it was drained.",
  },
  NODE_EXISTS: { exit: 4, grpc: "ALREADY_EXISTS", meaning: "A node of this name is enrolled." },
  NODE_REVOKED: {
    exit: 4,
    grpc: "PERMISSION_DENIED",
    meaning: "An operator took the node out of the mesh.",
  },
  NAME_INVALID: {
    exit: 4,
    grpc: "INVALID_ARGUMENT",
    meaning: "A name is not a lower-case DNS label.",
  },
  NODE_QUARANTINED: {
    exit: 4,
    grpc: "PERMISSION_DENIED",
    meaning: "Two machines use the node's keys, so that neither is believed.",
  },
  NAME_CONFUSABLE: {
    exit: 4,
    grpc: "ALREADY_EXISTS",
    meaning: "The name can be taken for another one.",
  },
  UNAUTHENTICATED: {
    exit: 4,
    grpc: "UNAUTHENTICATED",
    meaning: "The request carries no valid credential.",
  },
  FORBIDDEN: { exit: 4, grpc: "PERMISSION_DENIED", meaning: "The role does not allow this." },

  // Enrolment
  INVITE_INVALID: {
    exit: 4,
    grpc: "PERMISSION_DENIED",
    meaning: "The join token is damaged, or not one that this mesh gave out.",
  },
  INVITE_USED: {
    exit: 4,
    grpc: "PERMISSION_DENIED",
    meaning: "Another machine has joined with the token.",
  },
  INVITE_EXPIRED: {
    exit: 4,
    grpc: "PERMISSION_DENIED",
    meaning: "The join token's time is over.",
  },
  INVITE_REVOKED: {
    exit: 4,
    grpc: "PERMISSION_DENIED",
    meaning: "The join token was revoked, or a later one took its place.",
  },
  INVITE_FOREIGN: {
    exit: 4,
    grpc: "PERMISSION_DENIED",
    meaning: "The join token is another mesh's than the one that answers at its address.",
  },
  ENROL_PROOF_INVALID: {
    exit: 4,
    grpc: "PERMISSION_DENIED",
    meaning: "The node did not prove that it holds its keys.",
  },
  NODE_KEY_REGISTERED: {
    exit: 4,
    grpc: "ALREADY_EXISTS",
    meaning: "The key belongs to another node.",
  },
  NODE_KEYS_RETIRED: {
    exit: 4,
    grpc: "UNAUTHENTICATED",
    meaning: "The node has other keys than those that signed.",
  },
  NODE_KEYS_ROTATING: {
    exit: 4,
    grpc: "FAILED_PRECONDITION",
    meaning: "The keys before the node's present ones are still good.",
  },
  KEYS_EXPOSED: {
    exit: 4,
    grpc: "FAILED_PRECONDITION",
    meaning: "Others than the agent's user may read or change its keys.",
  },
  ISOLATION_INSUFFICIENT: {
    exit: 4,
    grpc: "FAILED_PRECONDITION",
    meaning: "The machine's kernel cannot isolate steps.",
  },

  ...workErrors,

  // Tokens, proxy, budgets
  TOKEN_INVALID: { exit: 4, grpc: "UNAUTHENTICATED", meaning: "The step token does not verify." },
  TOKEN_EXPIRED: { exit: 4, grpc: "UNAUTHENTICATED", meaning: "The step token has expired." },
  TOKEN_WRONG_NODE: { exit: 4, grpc: "PERMISSION_DENIED", meaning: "The token is another node's." },
  TOKEN_WRONG_STEP: {
    exit: 4,
    grpc: "PERMISSION_DENIED",
    meaning: "The step token's attempt is not the one that runs.",
  },
  TOKEN_REPLAYED: { exit: 4, grpc: "PERMISSION_DENIED", meaning: "The number was used before." },
  TOKEN_REVOKED: {
    exit: 4,
    grpc: "PERMISSION_DENIED",
    meaning: "An operator revoked the step token, or another of its attempt.",
  },
  TOKEN_UNKNOWN: {
    exit: 4,
    grpc: "NOT_FOUND",
    meaning: "No step token of an attempt that goes on has the id.",
  },
  PROOF_INVALID: {
    exit: 4,
    grpc: "UNAUTHENTICATED",
    meaning: "The request is not signed by the node that holds the token.",
  },
  GRANT_MISSING: {
    exit: 4,
    grpc: "PERMISSION_DENIED",
    meaning: "The step was not granted this service, method and path, or this device.",
  },
  RATE_EXCEEDED: {
    exit: 5,
    grpc: "RESOURCE_EXHAUSTED",
    meaning: "The service may be called no more often, or no more at once, for now.",
  },
  BUDGET_EXHAUSTED: {
    exit: 4,
    grpc: "RESOURCE_EXHAUSTED",
    meaning: "The worst case of the call does not fit a budget.",
  },
  PRICE_UNKNOWN: {
    exit: 4,
    grpc: "FAILED_PRECONDITION",
    meaning: "The service does not say what the call costs.",
  },
  BUDGET_UNKNOWN: { exit: 4, grpc: "NOT_FOUND", meaning: "No budget has this name." },
  CALL_UNKNOWN: { exit: 4, grpc: "NOT_FOUND", meaning: "No call with this id is remembered." },
  CALL_NOT_UNCERTAIN: {
    exit: 4,
    grpc: "FAILED_PRECONDITION",
    meaning: "The cost of the call is not in doubt, so that nothing can be reconciled.",
  },
  SECRET_UNAVAILABLE: {
    exit: 4,
    grpc: "FAILED_PRECONDITION",
    meaning: "The call cannot be given its credential.",
  },
  EGRESS_DENIED: {
    exit: 4,
    grpc: "PERMISSION_DENIED",
    meaning: "The service's address is one that Cohort does not call.",
  },
  UPSTREAM_UNREACHABLE: {
    exit: 5,
    grpc: "UNAVAILABLE",
    meaning: "The service could not be reached, or its certificate does not verify.",
  },
  UPSTREAM_TIMEOUT: {
    exit: 5,
    grpc: "DEADLINE_EXCEEDED",
    meaning: "The service did not answer in time.",
  },
  UPSTREAM_INVALID: {
    exit: 1,
    grpc: "ABORTED",
    meaning: "The service's answer is malformed, too large, or carried a credential.",
  },
  CALL_CANCELLED: {
    exit: 1,
    grpc: "CANCELLED",
    meaning: "Who asked for the call hung up before its end; what it cost is charged.",
  },
  CALL_UNCERTAIN: {
    exit: 1,
    grpc: "ABORTED",
    meaning: "The coordinator stopped while the call was out; it may have been done.",
  },

  // The coordinator's own state
  VAULT_SEALED: { exit: 5, grpc: "UNAVAILABLE", meaning: "The vault is sealed." },
  VAULT_MISMATCH: {
    exit: 4,
    grpc: "FAILED_PRECONDITION",
    meaning: "The vault's file and the ledger are not of the same time.",
  },
  VAULT_UNSEAL_LIMITED: {
    exit: 5,
    grpc: "RESOURCE_EXHAUSTED",
    meaning: "Too many wrong keys were tried lately, or another one is being tried.",
  },
  SECRET_UNKNOWN: {
    exit: 4,
    grpc: "NOT_FOUND",
    meaning: "The vault has no such secret, or no such version of it.",
  },
  VAULT_KEY_WRONG: {
    exit: 4,
    grpc: "PERMISSION_DENIED",
    meaning: "The key does not open the vault.",
  },
  LEDGER_UNWRITABLE: {
    exit: 1,
    grpc: "UNAVAILABLE",
    meaning: "The log cannot be written, so nothing is done.",
  },
  LEDGER_INVALID: {
    exit: 4,
    grpc: "DATA_LOSS",
    meaning: "The ledger does not match its signed checkpoint.",
  },
  LEDGER_FORKED: {
    exit: 4,
    grpc: "DATA_LOSS",
    meaning: "The ledger does not continue one that was seen before.",
  },
  EXPORT_OVERTAKEN: {
    exit: 1,
    grpc: "ABORTED",
    meaning: "Payloads were dropped from the ledger while it was being exported.",
  },
  ENTRY_UNKNOWN: { exit: 4, grpc: "NOT_FOUND", meaning: "The ledger has no such entry or hash." },
  UNREACHABLE: { exit: 5, grpc: "UNAVAILABLE", meaning: "The other side could not be reached." },
  SETUP_FAILED: { exit: 1, grpc: "FAILED_PRECONDITION", meaning: "A phase of the set-up failed." },
  INTERNAL: { exit: 1, grpc: "INTERNAL", meaning: "A fault of Cohort's own." },
} as const;

export type ErrorCode = keyof typeof errors;

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errors, text);
}
