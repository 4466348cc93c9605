import {
  type DispatchReply,
  type Release,
  ReleaseKeys,
  Signed,
  Update,
  type UpdateReport,
} from "@cohort/proto/gen/cohort/node";
import { CohortError, type Problem, problem, refuse } from "@cohort/proto/problem";
import { subjects } from "@cohort/proto/subjects";
import { toHex } from "../bytes.ts";
import type { Host } from "../host.ts";
import type { Enrolment } from "../identity.ts";
import { agentLimits } from "../limits.ts";
import { decodeOrRefuse, openSigned } from "../steps/verify.ts";
import { delay } from "../wait.ts";
import { type Boot, readBoot, writeBoot } from "./boot-file.ts";
import { fetchImage } from "./fetch.ts";
import { type LatestUpdate, readRecord, type UpdateRecord, writeRecord } from "./record.ts";
import { followKeys, openRelease } from "./release.ts";

export interface UpdaterOptions {
  readonly host: Host;
  readonly dataDirectory: string;
  readonly enrolment: Pick<Enrolment, "node" | "coordinatorKey">;
  readonly request: (subject: string, payload: Uint8Array) => Promise<Uint8Array>;
  /** Steps that run now. */
  readonly running: () => number;
  /** Ends the agent, which is then to begin anew. */
  readonly restart: () => void;
  /** The report is another than it was. */
  readonly onReport: () => void;
  readonly signal: AbortSignal;
}

/**
 * Takes the agent from one version to the next: verifies what it is told, fetches the image, writes down
 * that it is to be tried, and begins anew; the host tries it (host/update.c). The new version keeps its
 * place once the coordinator has answered its hello.
 */
export class Updater {
  readonly #options: UpdaterOptions;
  readonly #folder: string;
  #record: UpdateRecord;
  #boot: Boot | null;
  /** The rollout that is being worked on. */
  #working = "";

  constructor(options: UpdaterOptions) {
    this.#options = options;
    this.#folder = `${options.dataDirectory}/update`;
    this.#record = readRecord(options.host.files, this.#folder);
    this.#boot = readBoot(options.host.files, this.#folder);
    this.#settle();
  }

  /** What became of the latest update; undefined before its end, and before the first. */
  get report(): UpdateReport | undefined {
    const { latest } = this.#record;
    if (latest?.state !== "updated" && latest?.state !== "failed") return undefined;
    const { rollout, state, code, message } = latest;
    return { rollout, outcome: state, code, message };
  }

  /** That releases must be signed with; empty before the node was told of any. */
  get releaseKey(): Uint8Array {
    return this.#record.releaseKey ?? new Uint8Array(0);
  }

  /** The coordinator tells of the keys that releases are signed with. What is not sound is refused. */
  learnKeys(signed: Signed): void {
    const { host, enrolment } = this.#options;
    const bytes = Signed.encode(signed).finish();
    const subject = subjects.down(enrolment.node, "keys");
    const payload = openSigned(host.crypto, enrolment.coordinatorKey, subject, bytes);
    this.#trust(decodeOrRefuse("message", () => ReleaseKeys.decode(payload)));
  }

  /** The coordinator has answered the hello of this image: from now on it is the one that runs. */
  greeted(): void {
    const { host } = this.#options;
    const image = host.environment("COHORT_AGENT_TRIAL");
    const boot = this.#boot;
    const { latest } = this.#record;
    if (image === undefined || boot?.trial !== image) return;
    this.#write({ ...boot, current: image, trial: null, starts: 0 });
    host.endTrial();
    if (latest?.sha256 === image) this.#succeed(latest);
  }

  /** Answers once the update is sound and taken up; what becomes of it is reported. */
  async command(bytes: Uint8Array): Promise<DispatchReply> {
    try {
      this.#take(this.#opened(bytes));
      return { problems: [], refusals: [] };
    } catch (error) {
      const problems = error instanceof CohortError ? [...error.problems] : [unforeseen(error)];
      return { problems, refusals: [] };
    }
  }

  #opened(bytes: Uint8Array): Update {
    const { host, enrolment } = this.#options;
    const subject = subjects.down(enrolment.node, "update");
    const payload = openSigned(host.crypto, enrolment.coordinatorKey, subject, bytes);
    return decodeOrRefuse("update", () => Update.decode(payload));
  }

  #take(update: Update): void {
    const { host } = this.#options;
    const { latest, floor } = this.#record;
    const { rollout, release: signed, keys, downgrade } = update;
    if (rollout === this.#working) return;
    if (latest !== null && rollout < latest.rollout) {
      throw refuse("UPDATE_OVERTAKEN", "the node was told of a later rollout");
    }
    if (latest?.rollout === rollout && latest.state === "failed") {
      // It was told, and its report has not arrived.
      return this.#options.onReport();
    }
    if (signed === undefined || keys === undefined) {
      throw refuse("RELEASE_INVALID", "the message holds no release");
    }
    const key = this.#trust(keys);
    const { arch, version } = host.info;
    const release = openRelease(host.crypto, key, signed, { arch, version, floor }, downgrade);
    this.#working = rollout;
    this.#begin(update, release);
    void this.#work(update, release);
  }

  async #work(update: Update, release: Release): Promise<void> {
    const { host, request, enrolment, running, signal } = this.#options;
    const subject = subjects.up(enrolment.node, "release");
    try {
      await fetchImage({
        host,
        folder: this.#folder,
        release,
        ask: (asked) => request(subject, asked),
        signal,
      });
      while (!update.whileRunning && running() > 0 && !signal.aborted) {
        await delay(agentLimits.updateIdleCheckMs, signal);
      }
      if (!signal.aborted && this.#working === update.rollout) this.#switch(update, release);
    } catch (error) {
      // It ends for another reason, and the coordinator tells it of this update again.
      if (signal.aborted) return;
      const [{ code, message }] = (
        error instanceof CohortError ? error.problems : [unforeseen(error)]
      ) as [Problem];
      this.#working = "";
      this.#fail(code, message);
    }
  }

  /** Makes room first: beside what runs and what comes, no image is of use any more. */
  #begin({ rollout }: Update, { version, sha256, floor }: Release): void {
    const { files } = this.#options.host;
    const image = toHex(sha256);
    const latest: LatestUpdate = {
      ...{ rollout, version, floor, sha256: image },
      ...{ state: "fetching", code: "", message: "" },
    };
    this.#keep({ ...this.#record, latest });
    // What an earlier try came to says nothing of this one.
    if (this.#boot?.failed) this.#write({ ...this.#boot, failed: null });
    const needed = [image, this.#boot?.current, this.#boot?.trial];
    for (const name of files.list(this.#folder)) {
      if (/^[0-9a-f]{64}$/.test(name) && !needed.includes(name)) {
        files.remove(`${this.#folder}/${name}`);
      }
    }
  }

  #switch({ confirmMs }: Update, { sha256 }: Release): void {
    const { host, restart } = this.#options;
    const image = toHex(sha256);
    const { base = host.info.version, current = null } = this.#boot ?? {};
    const confirmSeconds = Math.max(1, Math.ceil(confirmMs / 1000));
    this.#write({ base, current, trial: image, starts: 0, confirmSeconds, failed: null });
    restart();
  }

  /** What the last life of the agent left undecided; the host's file says what came of it. */
  #settle(): void {
    const { host } = this.#options;
    const isInstalled = host.environment("COHORT_AGENT_INSTALLED") === undefined;
    if (isInstalled && this.#boot !== null && this.#boot.base !== host.info.version) {
      // Another binary was installed since: it does not stand over these images.
      host.files.remove(`${this.#folder}/boot`);
      this.#boot = null;
    }
    const boot = this.#boot;
    const { latest } = this.#record;
    if (boot === null || latest?.state !== "fetching") return;
    const { version, sha256 } = latest;
    if (boot.failed?.image === sha256) {
      this.#fail("UPDATE_FAILED", `${version} ${endings[boot.failed.reason] ?? "failed"}`);
    } else if (boot.current === sha256) {
      this.#succeed(latest);
    } else if (boot.trial === sha256 && host.environment("COHORT_AGENT_TRIAL") !== sha256) {
      this.#fail("UPDATE_FAILED", `${version} ${endings["unusable"]}`);
      this.#write({ ...boot, trial: null, starts: 0 });
    }
  }

  #succeed(latest: LatestUpdate): void {
    const floor = latest.floor === "" ? this.#record.floor : latest.floor;
    this.#note({ ...this.#record, floor, latest: { ...latest, state: "updated" } });
  }

  #fail(code: string, message: string): void {
    const { latest } = this.#record;
    if (latest === null) return;
    this.#options.host.writeError(`cohort-agent: update: ${message}\n`);
    this.#note({ ...this.#record, latest: { ...latest, state: "failed", code, message } });
    this.#options.onReport();
  }

  /** The key to go by, which is kept before anything is believed on its word. */
  #trust(keys: ReleaseKeys): Uint8Array {
    const { releaseKey } = this.#record;
    const key = followKeys(this.#options.host.crypto, releaseKey, keys);
    this.#keep({ ...this.#record, releaseKey: key });
    return key;
  }

  #keep(record: UpdateRecord): void {
    if (JSON.stringify(record) === JSON.stringify(this.#record)) return;
    writeRecord(this.#options.host.files, this.#folder, record);
    this.#record = record;
  }

  /** What has come about is so, whether the disk takes it or not; untold, the coordinator asks again. */
  #note(record: UpdateRecord): void {
    try {
      this.#keep(record);
    } catch (error) {
      this.#options.host.writeError(`cohort-agent: update: ${String(error)}\n`);
      this.#record = record;
    }
  }

  #write(boot: Boot): void {
    writeBoot(this.#options.host.files, this.#folder, boot);
    this.#boot = boot;
  }
}

/** What the host says of an image that did not prove itself, for people. */
const endings: Readonly<Record<string, string>> = {
  late: "was not greeted by the coordinator in time",
  crashed: "ended before it was greeted by the coordinator",
  unusable: "could not be started",
};

function unforeseen(error: unknown): Problem {
  return problem("INTERNAL", error instanceof Error ? error.message : String(error));
}
