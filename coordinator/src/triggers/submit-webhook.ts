import { ExpressionError, evaluateCondition } from "@cohort/proto/expression";
import type {
  SubmitWebhookReply,
  SubmitWebhookRequest,
  WebhookRun,
} from "@cohort/proto/gen/cohort/console";
import { limits } from "@cohort/proto/limits";
import { CohortError, refuse } from "@cohort/proto/problem";
import { webhookReader } from "@cohort/proto/secret-path";
import { type Catalogue, resourcesOf, workflowAt } from "../catalogue/catalogue.ts";
import { decideStart, type StartedRuns } from "../scheduler/decide-start.ts";
import type { Writer } from "../state/writer.ts";
import type { Vault } from "../vault/vault.ts";
import type { CompiledTrigger } from "../workflow/compile.ts";
import { keyOf, parseEvent } from "./event.ts";
import { verifiedId } from "./webhook-signature.ts";

export interface WebhookDependencies {
  readonly writer: Writer;
  readonly history: StartedRuns;
  readonly webhookKeys: Pick<Vault, "withEachSecret">;
  readonly now: () => number;
  readonly newId: () => string;
}

/**
 * Starts the runs that a request to a webhook asks for: of each workflow whose key has signed it, and
 * whose condition holds. Nothing of a request is looked at before its signature was found right. Sent
 * again it starts nothing more. Throws LIMIT_EXCEEDED, WEBHOOK_UNVERIFIED, EVENT_PAYLOAD_INVALID.
 */
export async function submitWebhook(
  dependencies: WebhookDependencies,
  request: SubmitWebhookRequest,
  actor: string,
): Promise<SubmitWebhookReply> {
  const { path, body } = request;
  if (body.length > limits.eventBytesMax) {
    throw refuse("LIMIT_EXCEEDED", `the body is larger than ${limits.eventBytesMax} bytes`);
  }
  const verified: Verified[] = [];
  for (const hook of hooksAt(dependencies.writer.state.catalogue, path)) {
    const id = await verify(dependencies, hook, request);
    if (id !== null) verified.push({ ...hook, id });
  }
  if (verified.length === 0)
    throw refuse("WEBHOOK_UNVERIFIED", `the request to ${path} is refused`);
  const payload = parseEvent(body);
  const runs: WebhookRun[] = [];
  for (const hook of verified) {
    const atMs = dependencies.now();
    const event = { source: "webhook", path, id: hook.id, payload, at_ms: atMs };
    const run = await start(dependencies, hook, event, actor);
    if (run !== null) runs.push({ workflow: hook.workflow, ...run });
  }
  return { runs };
}

interface Hook {
  readonly workflow: string;
  readonly trigger: CompiledTrigger;
  readonly secret: string;
  readonly scheme: "standard" | "github";
}

interface Verified extends Hook {
  readonly id: string;
}

function hooksAt(catalogue: Catalogue, path: string): Hook[] {
  return resourcesOf(catalogue, "workflow").flatMap(({ name: workflow, version }) => {
    const { definition, triggers } = workflowAt(catalogue, version);
    return definition.on.webhook.flatMap(({ path: own, secret, signature: scheme }, at) =>
      own === path
        ? [{ workflow, trigger: triggers.webhook[at] as CompiledTrigger, secret, scheme }]
        : [],
    );
  });
}

/**
 * By any version of the key that is good: a sender takes another when it pleases. A key that is not there
 * verifies nothing, and is told from a wrong one by nobody outside.
 */
async function verify(
  { webhookKeys, now }: WebhookDependencies,
  { secret, scheme }: Hook,
  request: SubmitWebhookRequest,
): Promise<string | null> {
  try {
    const nowMs = now();
    const reader = { service: webhookReader, injection: "" };
    return await webhookKeys.withEachSecret(secret, reader, nowMs, async (key) =>
      verifiedId(scheme, key, request, nowMs),
    );
  } catch (error) {
    if (error instanceof CohortError && error.code === "SECRET_UNAVAILABLE") return null;
    throw error;
  }
}

async function start(
  { writer, history, newId }: WebhookDependencies,
  { workflow, trigger, id }: Verified,
  event: unknown,
  actor: string,
): Promise<Omit<WebhookRun, "workflow"> | null> {
  try {
    if (trigger.condition !== null && !holds(trigger.condition, event)) return null;
    const triggerKey = keyOf(trigger.key, event);
    const request = { workflow, trigger: "webhook" as const, actor, inputs: {}, event, triggerKey };
    const idempotencyKey = `webhook/${workflow}/${id}`;
    const started = await writer.decide((state) =>
      decideStart(state, { ...request, run: newId(), idempotencyKey }, history),
    );
    return { ...started, problems: [] };
  } catch (error) {
    if (!(error instanceof CohortError)) throw error;
    return { problems: [...error.problems], run: "", existing: false };
  }
}

function holds(condition: NonNullable<CompiledTrigger["condition"]>, event: unknown): boolean {
  try {
    return evaluateCondition(condition, { event });
  } catch (cause) {
    if (!(cause instanceof ExpressionError)) throw cause;
    const message = `the webhook's condition cannot be decided: ${cause.message}`;
    throw refuse("INPUT_INVALID", message, {}, cause);
  }
}
