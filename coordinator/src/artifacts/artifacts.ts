import type { ArtifactStored, ReleasePublished, StepCached } from "@cohort/proto/gen/cohort/ledger";
import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import { entry } from "../state/entry.ts";
import type { Recorded } from "../state/event.ts";

/** What steps left, by run, and versions of the agent; the content is in the object store, by hash. */
export interface ArtifactState {
  readonly byRun: Map<string, RunArtifacts>;
  /** By SHA-256, hex. */
  readonly contents: Map<string, Content>;
  /** Releases of the agent by version. */
  readonly releases: Map<string, Held[]>;
  /** Of all contents. */
  bytes: number;
}

/** Something that has a content. */
export interface Held {
  /** Hex. */
  readonly sha256: string;
  readonly size: number;
}

export interface RunArtifacts {
  /** By step, instance and name. */
  readonly artifacts: Map<string, Artifact>;
  /** Of its artifacts, each counted for itself. */
  bytes: number;
}

export interface Artifact {
  readonly step: string;
  readonly instance: number;
  /** The attempt that left it: a later one replaces it. */
  readonly attempt: number;
  readonly name: string;
  /** Hex. */
  readonly sha256: string;
  readonly size: number;
  readonly storedMs: number;
}

export interface Content {
  readonly size: number;
  /** Artifacts and releases that have this content. */
  references: number;
}

export function emptyArtifacts(): ArtifactState {
  return { byRun: new Map(), contents: new Map(), releases: new Map(), bytes: 0 };
}

export function findArtifact(
  state: ArtifactState,
  run: string,
  key: Pick<Artifact, "step" | "instance" | "name">,
): Artifact | null {
  return state.byRun.get(run)?.artifacts.get(keyOf(key)) ?? null;
}

/** Of one run, in order of step, name and instance. */
export function artifactsOf(state: ArtifactState, run: string): Artifact[] {
  const all = [...(state.byRun.get(run)?.artifacts.values() ?? [])];
  return all.sort(
    (a, b) => compare(a.step, b.step) || compare(a.name, b.name) || a.instance - b.instance,
  );
}

/** Total, as every part of the state. */
export function applyArtifacts(state: ArtifactState, { atMs, event }: Recorded): void {
  if (event.$case === "artifactStored") add(state, event.value, atMs);
  if (event.$case === "stepCached") adopt(state, event.value);
  if (event.$case === "releasePublished") publish(state, event.value);
  if (event.$case === "releaseRemoved") withdraw(state, event.value.version);
}

/** With the run's history its artifacts go; content that no other has is swept from the store. */
export function forgetRun(state: ArtifactState, run: string): void {
  for (const artifact of state.byRun.get(run)?.artifacts.values() ?? []) release(state, artifact);
  state.byRun.delete(run);
}

function add(state: ArtifactState, stored: ArtifactStored, storedMs: number): void {
  const { run, step, instance, attempt } = stored.attempt as AttemptKey;
  const { name, size } = stored;
  const sha256 = Buffer.from(stored.sha256).toString("hex");
  put(state, run, { step, instance, attempt, name, sha256, size, storedMs });
}

/** What another run's step left is this one's too. */
function adopt(state: ArtifactState, cached: StepCached): void {
  const { run, step, instance, originRun, originInstance, artifacts } = cached;
  for (const name of artifacts) {
    const artifact = findArtifact(state, originRun, { step, instance: originInstance, name });
    if (artifact !== null) put(state, run, { ...artifact, instance, attempt: 0 });
  }
}

function publish(state: ArtifactState, { release }: ReleasePublished): void {
  if (release === undefined) return;
  const held = { sha256: Buffer.from(release.sha256).toString("hex"), size: release.size };
  entry(state.releases, release.version, () => [] as Held[]).push(held);
  retain(state, held);
}

function withdraw(state: ArtifactState, version: string): void {
  for (const held of state.releases.get(version) ?? []) release(state, held);
  state.releases.delete(version);
}

function put(state: ArtifactState, run: string, artifact: Artifact): void {
  const there = state.byRun.get(run) ?? { artifacts: new Map<string, Artifact>(), bytes: 0 };
  state.byRun.set(run, there);
  retain(state, artifact);
  const before = there.artifacts.get(keyOf(artifact));
  if (before !== undefined) release(state, before);
  there.bytes += artifact.size - (before?.size ?? 0);
  there.artifacts.set(keyOf(artifact), artifact);
}

function retain(state: ArtifactState, { sha256, size }: Held): void {
  const content = state.contents.get(sha256);
  if (content === undefined) {
    state.contents.set(sha256, { size, references: 1 });
    state.bytes += size;
  } else {
    content.references++;
  }
}

function release(state: ArtifactState, { sha256 }: Held): void {
  const content = state.contents.get(sha256);
  if (content === undefined || --content.references > 0) return;
  state.contents.delete(sha256);
  state.bytes -= content.size;
}

function keyOf({ step, instance, name }: Pick<Artifact, "step" | "instance" | "name">): string {
  return `${step}[${instance}]/${name}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
