import type { Charge, Instance, Pause, Run, Step } from "@cohort/proto/gen/cohort/console";
import { formatMoney } from "@cohort/proto/quantity";
import { neutralise } from "@cohort/proto/text";
import { formatMoment, formatSpan } from "../moments.ts";
import type { Output } from "../output.ts";
import type { Cell } from "../table.ts";
import { shorten } from "../text.ts";

/** A run for people: a headline, its steps, what it spent. */
export function runTable(output: Output, run: Run, nowMs: number): string {
  const span = formatSpan(run.startedMs, run.endedMs, nowMs);
  const reason = run.reason === "" ? "" : `: ${run.reason}`;
  const pause = run.pause === undefined ? [] : [neutralise(describePause(run.pause))];
  const since = run.startedMs === 0 ? run.requestedMs : run.startedMs;
  const state = run.state === "queued" ? `queued for group ${run.group}` : run.state;
  const headline = neutralise(
    `run ${run.run} of ${run.workflow}, by ${run.trigger} at ${formatMoment(since)}: ` +
      `${state}${run.startedMs === 0 ? "" : ` after ${span}`}${reason}`,
  );
  const steps = output.table(
    ["STEP", "NODE", "STATE", "ATTEMPT", "TIME", "OUTPUT"],
    run.steps.flatMap((step) => stepRows(output, step, nowMs)),
  );
  const parent =
    run.parent === undefined
      ? []
      : [neutralise(`started by step ${run.parent.step} of run ${run.parent.run}`)];
  const outputs = run.outputsJson === "" ? [] : ["", `outputs: ${neutralise(run.outputsJson)}`];
  return [
    headline,
    ...originOf(run),
    ...parent,
    ...pause,
    "",
    steps,
    ...outputs,
    ...chargeLines(output, run.charges),
  ].join("\n");
}

function originOf({ retryOf, rerunOf, steps }: Run): string[] {
  const taken = steps.filter((it) => it.taken).length;
  if (retryOf !== "") return [neutralise(`retry of ${retryOf}, ${taken} steps taken over`)];
  return rerunOf === "" ? [] : [neutralise(`rerun of ${rerunOf}`)];
}

/** What a list of runs shows as the state. */
export function stateOf({ state, pause }: Run): string {
  return pause === undefined ? state : "paused";
}

export function describePause({ actor, reason, sinceMs }: Pause): string {
  const why = reason === "" ? "" : `: ${reason}`;
  return `paused by ${actor} at ${formatMoment(sinceMs)}${why}`;
}

function stepRows(output: Output, step: Step, nowMs: number): (Cell | string)[][] {
  if (step.instances.length === 0 || step.skippedBy !== "") {
    const reason = step.skippedBy === "" ? step.reason : `by ${step.skippedBy}: ${step.reason}`;
    const attempt = step.taken ? "taken" : "-";
    return [[step.step, "-", output.state(step.state), attempt, "-", shorten(reason, outputWidth)]];
  }
  return step.instances.map((it) => [
    step.instances.length === 1 ? step.step : `${step.step}[${it.instance}]`,
    nodeOf(it),
    output.state(it.state),
    step.taken ? "taken" : String(it.attempt),
    formatSpan(it.startedMs, it.endedMs, nowMs),
    shorten(outcomeOf(it), outputWidth),
  ]);
}

function nodeOf({ node, cachedFrom, child }: Instance): string {
  if (child !== "") return `run ${child}`;
  if (cachedFrom !== "") return `cached, from ${cachedFrom}`;
  return node === "" ? "-" : node;
}

function outcomeOf(it: Instance): string {
  if (it.code !== "") return `${it.code} ${it.message}`;
  return it.outputOmitted ? "(too large to keep; the ledger has it)" : it.outputJson;
}

function chargeLines(output: Output, charges: readonly Charge[]): string[] {
  if (charges.length === 0) return [];
  const total = charges.reduce((sum, it) => sum + it.nanoUsd, 0);
  const table = output.table(
    ["CALL", "STEP", "SERVICE", "STATE", "COST", "ACCOUNTS"],
    charges.map((it) => [
      it.call,
      it.step,
      it.service,
      output.state(it.state),
      formatMoney(it.nanoUsd),
      it.holds.map(({ account, window }) => `${account} (${window})`).join(", "),
    ]),
  );
  return ["", table, `${charges.length} calls, ${formatMoney(total)}`];
}

/** Beyond, `-o json` shows it all. */
const outputWidth = 100;
