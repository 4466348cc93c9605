import type { AttemptKey, GetRequest, PutReply, PutRequest } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { refuse } from "@cohort/proto/problem";
import { attemptId } from "@cohort/proto/proof";
import { workflowAt } from "../catalogue/catalogue.ts";
import type { MeshHandlers } from "../mesh/mesh.ts";
import { findActive, type Run } from "../scheduler/runs.ts";
import { attemptVariables } from "../scheduler/variables.ts";
import type { State } from "../state/state.ts";
import type { Writer } from "../state/writer.ts";
import type { CompiledStep } from "../workflow/compile.ts";
import { findArtifact } from "./artifacts.ts";
import { assertWelcome, decideStored, hexOf, type Offer } from "./decide-stored.ts";
import type { Keeper } from "./keeper.ts";
import { artifactLimits } from "./limits.ts";
import type { Files, Staged } from "./spool.ts";
import { downloadsFor } from "./wanted.ts";

export interface TransferDependencies {
  readonly writer: Writer;
  readonly spool: Files;
  readonly keeper: Keeper;
  readonly onFault: (error: unknown) => void;
}

/** An upload that goes on. */
interface Upload {
  readonly size: number;
  readonly staged: Staged;
  /** Pieces of one upload follow one another. */
  turn: Promise<unknown>;
  idle: NodeJS.Timeout;
}

/** What nodes bring and fetch of artifacts, a piece at a time. */
export function createTransfers(
  dependencies: TransferDependencies,
): Pick<MeshHandlers, "put" | "get"> & { close(): void } {
  const { writer, spool, keeper, onFault } = dependencies;
  const uploads = new Map<string, Upload>();

  const end = async (key: string, upload: Upload) => {
    clearTimeout(upload.idle);
    if (uploads.get(key) === upload) uploads.delete(key);
    await upload.staged.discard();
  };
  const idleTimer = (key: string) =>
    setTimeout(() => {
      const upload = uploads.get(key);
      if (upload !== undefined) end(key, upload).catch(onFault);
    }, artifactLimits.uploadIdleMs).unref();

  /** Null for a piece that is not the first of an upload that is not known. */
  const uploadOf = (key: string, { offset, size }: PutRequest): Upload | null => {
    const known = uploads.get(key);
    if (known !== undefined && known.size === size) return known;
    if (offset !== 0) return null;
    if (known !== undefined) end(key, known).catch(onFault);
    const staged = spool.stage(size);
    const upload = { size, staged, turn: Promise.resolve(), idle: idleTimer(key) };
    uploads.set(key, upload);
    return upload;
  };

  const take = async (key: string, upload: Upload, offer: Offer, piece: PutRequest) => {
    const { staged } = upload;
    const { offset, data, size, sha256 } = piece;
    if (uploads.get(key) !== upload) return awaited(0);
    clearTimeout(upload.idle);
    upload.idle = idleTimer(key);
    if (offset > staged.received) return awaited(staged.received);
    if (offset === staged.received) await staged.append(data);
    if (staged.received < size) return awaited(staged.received);
    try {
      if (staged.digest() !== hexOf(sha256)) {
        throw refuse("ARTIFACT_CORRUPT", `artifact ${offer.name} is not what its hash says`);
      }
      const record = () => writer.decide((state) => decideStored(state, offer, sha256));
      await keeper.store(staged, hexOf(sha256), record);
      return { ...awaited(size), stored: true };
    } finally {
      await end(key, upload);
    }
  };

  return {
    async put(node, piece) {
      const offer = { ...piece, node, attempt: piece.attempt as AttemptKey };
      const known = () => writer.read((state) => isStored(state, offer, piece.sha256));
      // Asked again, for what the node is told must be durable.
      if (isStored(writer.state, offer, piece.sha256) && (await known()))
        return { ...awaited(piece.size), stored: true };
      assertWelcome(writer.state, offer);
      const key = `${attemptId(offer.attempt)}/${piece.name}`;
      const upload = uploadOf(key, piece);
      if (upload === null) return awaited(0);
      if (piece.offset + piece.data.length > upload.size) {
        throw refuse("ARTIFACT_CORRUPT", `artifact ${piece.name} is longer than it was said to be`);
      }
      const taken = upload.turn.then(() => take(key, upload, offer, piece));
      upload.turn = taken.catch(() => {});
      return taken;
    },
    async get(node, { attempt, sha256, offset }) {
      assertWanted(writer.state, node, attempt as AttemptKey, sha256);
      const data = await keeper.read(hexOf(sha256), offset, limits.artifactPieceBytesMax);
      return { problems: [], data };
    },
    close() {
      for (const { idle } of uploads.values()) clearTimeout(idle);
      uploads.clear();
    },
  };
}

function awaited(nextOffset: number): PutReply {
  return { problems: [], nextOffset, stored: false };
}

/** The answer to the last piece may have been lost: then it comes again. */
function isStored({ artifacts }: State, { attempt, name }: Offer, sha256: Uint8Array): boolean {
  const stored = findArtifact(artifacts, attempt.run, { ...attempt, name });
  return stored?.attempt === attempt.attempt && stored.sha256 === hexOf(sha256);
}

/** A node may fetch what the step that it runs is to be given, and nothing else. */
function assertWanted(
  { catalogue, fleet, runs, artifacts }: State,
  name: string,
  attempt: AttemptKey,
  sha256: GetRequest["sha256"],
): void {
  const instance = findActive(runs, attempt);
  const node = fleet.nodes.get(name);
  if (instance?.node === name && node !== undefined) {
    const run = runs.byId.get(attempt.run) as Run;
    const step = workflowAt(catalogue, run.version).steps.get(attempt.step) as CompiledStep;
    const variables = attemptVariables(run, step, instance, node);
    const wanted = downloadsFor(artifacts, run, step, variables);
    if (wanted.some((it) => hexOf(it.sha256) === hexOf(sha256))) return;
  }
  throw refuse("ARTIFACT_UNKNOWN", "the attempt is given no such artifact on this node");
}
