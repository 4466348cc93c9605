import {
  type ArtifactDownload,
  type ArtifactUpload,
  type AttemptKey,
  GetReply,
  GetRequest,
  PutReply,
  PutRequest,
} from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { refuse } from "@cohort/proto/problem";
import { subjects } from "@cohort/proto/subjects";
import { equalBytes } from "../bytes.ts";
import type { AgentContext } from "../context.ts";
import type { SandboxProcess } from "../host.ts";
import { hostErrorCode } from "../host-error.ts";
import { agentLimits } from "../limits.ts";
import { untilAnswered } from "../mesh/until-answered.ts";

/**
 * Artifacts of one attempt, on their way between its workspace and the coordinator: a piece at a time,
 * so that little of them is ever in the agent's memory. A piece that is not answered is sent again until
 * `signal` is aborted; each call then throws STEP_CANCELLED, which the reason for the end overrides.
 */
export class ArtifactTransfer {
  readonly #context: AgentContext;
  readonly #attempt: AttemptKey;
  readonly #signal: AbortSignal;

  constructor(context: AgentContext, attempt: AttemptKey, signal: AbortSignal) {
    this.#context = context;
    this.#attempt = attempt;
    this.#signal = signal;
  }

  /** Places the artifact in the workspace of a held step. */
  async fetch(download: ArtifactDownload, process: SandboxProcess): Promise<void> {
    const { path, size, sha256 } = download;
    const hasher = this.#context.host.crypto.hasher();
    let offset = 0;
    do {
      const request = { attempt: this.#attempt, sha256, offset };
      const { data } = await this.#ask("get", GetRequest.encode(request).finish(), GetReply);
      if (offset + data.length > size || (data.length === 0 && offset < size)) {
        throw refuse("ARTIFACT_CORRUPT", `${path} is not as long as it should be`);
      }
      hasher.update(data);
      process.place(path, data);
      offset += data.length;
    } while (offset < size);
    if (equalBytes(hasher.digest(), sha256)) return;
    throw refuse("ARTIFACT_CORRUPT", `${path} is not what its hash says`);
  }

  /** Resolves when the coordinator has the whole of it for good. */
  async store(upload: ArtifactUpload, process: SandboxProcess): Promise<void> {
    const size = sizeOf(upload, process);
    while (!(await this.#storeOnce(upload, size, process)));
  }

  /** False when the coordinator, which may have started again, has lost what came before. */
  async #storeOnce(
    { name, path }: ArtifactUpload,
    size: number,
    process: SandboxProcess,
  ): Promise<boolean> {
    const hasher = this.#context.host.crypto.hasher();
    let offset = 0;
    for (;;) {
      const data = process.collectPart(path, offset, limits.artifactPieceBytesMax);
      hasher.update(data);
      const next = offset + data.length;
      const sha256 = next >= size ? hasher.digest() : new Uint8Array(0);
      const request = { attempt: this.#attempt, name, size, offset, data, sha256 };
      const reply = await this.#ask("put", PutRequest.encode(request).finish(), PutReply);
      if (reply.stored) return true;
      if (reply.nextOffset !== next || next >= size) return false;
      offset = next;
    }
  }

  async #ask<Reply extends Pick<PutReply, "problems">>(
    verb: "put" | "get",
    request: Uint8Array,
    type: { decode(bytes: Uint8Array): Reply },
  ): Promise<Reply> {
    const { host, link, enrolment } = this.#context;
    const subject = subjects.up(enrolment.node, verb);
    const ask = async () =>
      type.decode(await link.request(subject, request, agentLimits.artifactAnswerMsMax));
    return await untilAnswered(host, ask, this.#signal);
  }
}

function sizeOf({ name, path }: ArtifactUpload, process: SandboxProcess): number {
  let size: number | null;
  try {
    size = process.measure(path);
  } catch (cause) {
    const what =
      hostErrorCode(cause) === "NOT_REGULAR" ? "is not a regular file" : "cannot be read";
    throw refuse("ARTIFACT_MISSING", `artifact ${name}: ${path} ${what}`, {}, cause);
  }
  if (size === null) throw refuse("ARTIFACT_MISSING", `artifact ${name}: there is no file ${path}`);
  if (size <= limits.artifactBytesMax) return size;
  const most = limits.artifactBytesMax;
  throw refuse("ARTIFACT_TOO_LARGE", `artifact ${name} has ${size} bytes; ${most} are allowed`);
}
