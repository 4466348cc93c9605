import { schedulerLimits } from "./limits.ts";

/**
 * What each workflow has had of the nodes, so that those that wait for them at the same priority get
 * their shares, however much each of them has waiting. A workflow's time is what its attempts took
 * of their slots, divided by its share; the one with the least goes first. Nothing is saved up: one
 * that begins to wait begins where the others are.
 */
export interface Shares {
  /** By workflow that has something waiting or running. */
  readonly flows: Map<string, Flow>;
  /** Time of the workflow that was served last: where the others are. */
  servedMs: number;
}

export interface Flow {
  readonly workflow: string;
  /** Of the run that was the last to wait. */
  share: number;
  /** As of `atMs`. */
  timeMs: number;
  atMs: number;
  waiting: number;
  running: number;
}

export function emptyShares(): Shares {
  return { flows: new Map(), servedMs: 0 };
}

export function beginWait(shares: Shares, workflow: string, share: number, atMs: number): Flow {
  const flow = flowOf(shares, workflow, atMs);
  flow.share = share;
  if (flow.waiting === 0) flow.timeMs = Math.max(flow.timeMs, shares.servedMs);
  flow.waiting++;
  return flow;
}

export function endWait(shares: Shares, workflow: string, atMs: number): void {
  const flow = flowOf(shares, workflow, atMs);
  flow.waiting--;
  forget(shares, workflow, flow);
}

/** An attempt begins: it takes a least time, so that the shortest steps count too. */
export function beginWork(shares: Shares, workflow: string, share: number, atMs: number): void {
  const flow = flowOf(shares, workflow, atMs);
  flow.share = share;
  shares.servedMs = Math.max(shares.servedMs, flow.timeMs);
  flow.timeMs += schedulerLimits.attemptCostMs / share;
  flow.running++;
}

export function endWork(shares: Shares, workflow: string, atMs: number): void {
  const flow = flowOf(shares, workflow, atMs);
  flow.running--;
  forget(shares, workflow, flow);
}

/** What the workflow has had by now, in ms of a slot at a share of 1. */
export function timeOf(flow: Flow, nowMs: number): number {
  return flow.timeMs + elapsedMs(flow, nowMs);
}

function flowOf({ flows, servedMs }: Shares, workflow: string, atMs: number): Flow {
  const known = flows.get(workflow);
  if (known !== undefined) {
    known.timeMs += elapsedMs(known, atMs);
    known.atMs = Math.max(known.atMs, atMs);
    return known;
  }
  const made = { workflow, share: 1, timeMs: servedMs, atMs, waiting: 0, running: 0 };
  flows.set(workflow, made);
  return made;
}

/** A clock that stepped back has let no time pass. */
function elapsedMs({ running, share, atMs }: Flow, nowMs: number): number {
  return (running * Math.max(0, nowMs - atMs)) / share;
}

function forget({ flows }: Shares, workflow: string, { waiting, running }: Flow): void {
  if (waiting === 0 && running === 0) flows.delete(workflow);
}
