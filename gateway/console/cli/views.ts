import type {
  Approval,
  Artifact,
  BudgetLine,
  Charge,
  Explanation,
  GraphReply,
  Instance,
  LogLine,
  Node,
  ResourceChange,
  Run,
  Schedule,
  Secret,
  SecretVersion,
  Step,
  StepToken,
  UncertainCall,
  VaultStatus,
} from "@cohort/proto/gen/cohort/console";
import type { SecretBinding } from "@cohort/proto/gen/cohort/ledger";
import type { AttemptKey } from "@cohort/proto/gen/cohort/node";

/**
 * The shapes of `-o json`. Every key is always there, spelt as in the .proto files; JSON that travels
 * as text is shown as what it says, and a time or a value that is not known yet is null.
 */
export function runView(it: Run) {
  return {
    run: it.run,
    workflow: it.workflow,
    version: it.version,
    state: it.state,
    trigger: it.trigger,
    group: textOrNull(it.group),
    parent: it.parent === undefined ? null : { run: it.parent.run, step: it.parent.step },
    depth: it.depth,
    requested_ms: time(it.requestedMs),
    inputs: parsed(it.inputsJson),
    started_ms: time(it.startedMs),
    ended_ms: time(it.endedMs),
    reason: it.reason,
    pause:
      it.pause === undefined
        ? null
        : { actor: it.pause.actor, reason: it.pause.reason, since_ms: it.pause.sinceMs },
    outputs: parsed(it.outputsJson),
    retry_of: textOrNull(it.retryOf),
    rerun_of: textOrNull(it.rerunOf),
    steps: it.steps.map(stepView),
    charges: it.charges.map(chargeView),
    event: parsed(it.eventJson),
  };
}

function stepView(it: Step) {
  return {
    step: it.step,
    kind: it.kind,
    state: it.state,
    reason: it.reason,
    skipped_by: textOrNull(it.skippedBy),
    taken: it.taken,
    instances: it.instances.map(instanceView),
  };
}

function instanceView(it: Instance) {
  return {
    instance: it.instance,
    attempt: it.attempt,
    node: it.node,
    state: it.state,
    started_ms: time(it.startedMs),
    ended_ms: time(it.endedMs),
    child: textOrNull(it.child),
    output: parsed(it.outputJson),
    cached_from: textOrNull(it.cachedFrom),
    output_omitted: it.outputOmitted,
    code: it.code,
    message: it.message,
    killed: textOrNull(it.killed),
    usage:
      it.usage === undefined
        ? null
        : {
            cpu_ms: it.usage.cpuMs,
            memory_peak_bytes: it.usage.memoryPeakBytes,
            wall_ms: it.usage.wallMs,
            bytes_in: it.usage.bytesIn,
            bytes_out: it.usage.bytesOut,
          },
  };
}

function chargeView(it: Charge) {
  return {
    call: it.call,
    step: it.step,
    service: it.service,
    state: it.state,
    nano_usd: it.nanoUsd,
    holds: it.holds.map(({ account, window }) => ({ account, window })),
  };
}

export function scheduleView(it: Schedule) {
  return {
    workflow: it.workflow,
    cron: it.cron,
    timezone: it.timezone,
    overlap: it.overlap,
    catchup_ms: it.catchupMs,
    due_ms: time(it.dueMs),
    waiting_ms: time(it.waitingMs),
    last_due_ms: time(it.lastDueMs),
    last_outcome: it.lastOutcome,
    last_run: it.lastRun,
    last_reason: it.lastReason,
  };
}

export function nodeView(it: Node) {
  return {
    node: it.node,
    state: it.state,
    labels: it.labels,
    running: it.running,
    seen_ms: time(it.seenMs),
    slots_max: it.slotsMax === 0 ? null : it.slotsMax,
    cordon:
      it.cordon === undefined
        ? null
        : {
            reason: it.cordon.reason,
            actor: it.cordon.actor,
            since_ms: it.cordon.sinceMs,
            drain_by_ms: time(it.cordon.drainByMs),
            drained_ms: time(it.cordon.drainedMs),
          },
    bar:
      it.bar === undefined
        ? null
        : { reason: it.bar.reason, actor: it.bar.actor, since_ms: it.bar.sinceMs },
    keys:
      it.keys === undefined
        ? null
        : {
            nats: base64(it.keys.natsKey),
            sign: base64(it.keys.signKey),
            box: base64(it.keys.boxKey),
            since_ms: it.keys.sinceMs,
            rotation_asked: it.keys.rotationAsked,
            former: it.keys.former,
            former_until_ms: time(it.keys.formerUntilMs),
          },
    device_grants: it.deviceGrants.map(({ grant, requireApproval, actor, sinceMs }) => ({
      device: grant?.device ?? "",
      access: grant?.access ?? "",
      lines: grant?.lines ?? [],
      require_approval: requireApproval,
      actor,
      since_ms: sinceMs,
    })),
    facts:
      it.facts === undefined
        ? null
        : {
            version: it.facts.version,
            arch: it.facts.arch,
            kernel: it.facts.kernel,
            hostname: it.facts.hostname,
            cores: it.facts.cores,
            memory_bytes: it.facts.memoryBytes,
            isolation: it.facts.isolation,
            slots: it.facts.slots,
            devices: it.facts.devices,
            models: it.facts.models,
            temperature_celsius: it.facts.temperatureCelsius ?? null,
            disk_bytes: it.facts.diskBytes,
            disk_free_bytes: it.facts.diskFreeBytes,
          },
  };
}

export function explanationView(it: Explanation) {
  return {
    run: it.run,
    step: it.step,
    state: it.state,
    reasons: it.reasons.map(({ code, text }) => ({ code, text })),
    instances: it.instances.map(({ instance, state, reason, queue }) => ({
      instance,
      state,
      code: reason?.code ?? "",
      text: reason?.text ?? "",
      queue:
        queue === undefined
          ? null
          : {
              priority: queue.priority,
              position: queue.position,
              waiting: queue.waiting,
              since_ms: queue.sinceMs,
            },
    })),
    instances_left_out: it.instancesLeftOut,
    nodes: it.nodes.map(({ code, wanted, count, nodes }) => ({
      code,
      wanted,
      count,
      nodes: nodes.map(({ node, detail }) => ({ node, detail })),
    })),
  };
}

export function logView(it: LogLine, text: string) {
  return {
    run: it.attempt?.run ?? "",
    step: it.attempt?.step ?? "",
    instance: it.attempt?.instance ?? 0,
    attempt: it.attempt?.attempt ?? 0,
    node: it.node,
    stream: it.stream === 2 ? "stderr" : "stdout",
    at_ms: it.atMs,
    cursor: it.cursor,
    text,
  };
}

export function approvalView(it: Approval) {
  const { run = "", step = "", instance = 0, attempt = 0 } = it.attempt ?? {};
  return {
    run,
    step,
    instance,
    attempt,
    workflow: it.workflow,
    prompt: it.prompt,
    roles: it.roles,
    since_ms: it.sinceMs,
    until_ms: it.untilMs,
  };
}

export function budgetView(it: BudgetLine) {
  return {
    account: it.account,
    window: it.window,
    limit_nano_usd: it.limitNanoUsd,
    posted_nano_usd: it.postedNanoUsd,
    held_nano_usd: it.heldNanoUsd,
    scope: it.scope,
    reached_percent: it.reachedPercent,
    used: {
      cpu_ms: it.used?.cpuMs ?? 0,
      bytes_in: it.used?.bytesIn ?? 0,
      bytes_out: it.used?.bytesOut ?? 0,
    },
  };
}

export function uncertainView(it: UncertainCall) {
  return {
    call: it.call,
    attempt: it.attempt === undefined ? null : attemptView(it.attempt),
    service: it.service,
    held_nano_usd: it.heldNanoUsd,
    since_ms: it.sinceMs,
    reason: it.reason,
  };
}

export function secretView(it: Secret) {
  return {
    path: it.path,
    version: it.version,
    set_ms: time(it.setMs),
    services: it.services,
    bindings: it.bindings.map(bindingView),
    former_version: it.formerVersion === 0 ? null : it.formerVersion,
    former_until_ms: time(it.formerUntilMs),
  };
}

export function secretVersionView(it: SecretVersion) {
  return {
    version: it.version,
    state: it.state,
    set_ms: time(it.setMs),
    until_ms: time(it.untilMs),
    services: it.services,
    bindings: it.bindings.map(bindingView),
  };
}

function bindingView({ service, injection }: SecretBinding) {
  return { service, injection: parsed(injection) };
}

export function vaultView(it: VaultStatus) {
  return {
    state: it.state,
    kind: it.kind,
    sealed_by: textOrNull(it.sealedBy),
    secrets: it.secrets,
    generation: it.generation,
    recorded: it.recorded,
    data_key: it.dataKey,
    data_key_uses: it.dataKeyUses,
    reseal_left: it.resealLeft,
    token_key: it.tokenKey,
    token_key_since_ms: time(it.tokenKeySinceMs),
    former_token_key_until_ms: time(it.formerTokenKeyUntilMs),
    calls_waiting: it.callsWaiting,
  };
}

export function tokenView(it: StepToken) {
  return {
    token: it.token,
    attempt: it.attempt === undefined ? null : attemptView(it.attempt),
    node: it.node,
    issued_ms: it.issuedMs,
    expires_ms: it.expiresMs,
    revoked: it.revoked,
  };
}

export function graphView(it: GraphReply) {
  return {
    workflow: it.workflow,
    version: it.version,
    steps: it.steps.map((step) => ({
      step: step.step,
      phase: step.phase,
      kind: step.kind,
      depends: step.depends,
      depends_condition: step.dependsCondition,
      condition: step.condition,
      instances: step.instances,
    })),
  };
}

export function changeView(it: ResourceChange) {
  return { kind: it.kind, name: it.name, version: it.version, change: it.change };
}

function textOrNull(text: string): string | null {
  return text === "" ? null : text;
}

function time(milliseconds: number): number | null {
  return milliseconds === 0 ? null : milliseconds;
}

function parsed(json: string): unknown {
  if (json === "") return null;
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}

export function artifactView(it: Artifact) {
  return {
    step: it.step,
    instance: it.instance,
    attempt: it.attempt,
    name: it.name,
    sha256: Buffer.from(it.sha256).toString("hex"),
    size: it.size,
    stored_ms: it.storedMs,
  };
}

export function attemptView(it: AttemptKey) {
  return { run: it.run, step: it.step, instance: it.instance, attempt: it.attempt };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
