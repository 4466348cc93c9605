import { refuse } from "@cohort/proto/problem";
import type { Event, Recorded } from "../state/event.ts";
import type { ArtifactState } from "./artifacts.ts";
import { artifactLimits } from "./limits.ts";
import type { Files, Staged } from "./spool.ts";

/** Where content outlasts the process. Each may throw ARTIFACT_STORE_UNAVAILABLE and _FULL. */
export interface ObjectStore {
  /** All or nothing; a second time does nothing. */
  put(name: string, content: AsyncIterable<Uint8Array>): Promise<void>;
  /** Null when it is not there. */
  get(name: string): Promise<AsyncIterable<Uint8Array> | null>;
  remove(name: string): Promise<void>;
  list(): Promise<string[]>;
}

/** Content of artifacts by hash: put in, got out in pieces, and swept when nothing refers to it. */
export interface Keeper {
  /** Stores the content, then has `record` say so in the log; neither stays without the other. */
  store(staged: Staged, sha256: string, record: () => Promise<void>): Promise<void>;
  /** Up to `length` bytes from `offset` on. Throws ARTIFACT_UNKNOWN, ARTIFACT_CORRUPT. */
  read(sha256: string, offset: number, length: number): Promise<Uint8Array>;
  /** Durable events, in order: some of them leave content without a reference. */
  onEvents(recorded: readonly Recorded[]): void;
  close(): void;
}

export interface KeeperOptions {
  readonly state: ArtifactState;
  readonly spool: Files;
  readonly objects: ObjectStore;
  /** Resolves when all that the state holds is durable. */
  readonly durable: () => Promise<void>;
  readonly onFault: (error: unknown) => void;
}

export function createKeeper({ state, spool, objects, durable, onFault }: KeeperOptions): Keeper {
  const turns = new Map<string, Promise<unknown>>();
  /** One thing at a time happens to one content: it is not swept while it comes in. */
  const inTurn = <T>(sha256: string, act: () => Promise<T>): Promise<T> => {
    const turn = (turns.get(sha256) ?? Promise.resolve()).then(act, act);
    const done = turn
      .catch(() => {})
      .finally(() => {
        if (turns.get(sha256) === done) turns.delete(sha256);
      });
    turns.set(sha256, done);
    return turn;
  };
  const removeIfUnused = async (sha256: string) => {
    if (state.contents.has(sha256)) return;
    // A crash must not undo what made it unused.
    await durable();
    if (state.contents.has(sha256)) return;
    spool.drop(sha256);
    await objects.remove(sha256);
  };
  const sweep = async () => {
    const unused = (await objects.list()).filter((it) => !state.contents.has(it));
    for (const sha256 of unused) await inTurn(sha256, () => removeIfUnused(sha256));
  };
  const sweeper = laterOnce(artifactLimits.sweepDelayMs, () => void sweep().catch(onFault));
  // What a process that was killed left in the store.
  if (state.contents.size > 0) sweeper.wake();

  return {
    store: (staged, sha256, record) =>
      inTurn(sha256, async () => {
        if (!state.contents.has(sha256)) await objects.put(sha256, staged.read());
        try {
          await record();
        } catch (error) {
          await removeIfUnused(sha256).catch(onFault);
          throw error;
        }
        await staged.keep(sha256);
      }),
    async read(sha256, offset, length) {
      const here = await spool.read(sha256, offset, length);
      if (here !== null) return here;
      await inTurn(sha256, () => fill(spool, objects, sha256, state.contents.get(sha256)?.size));
      const filled = await spool.read(sha256, offset, length);
      if (filled !== null) return filled;
      throw refuse("LIMIT_EXCEEDED", "too many artifacts are read at once");
    },
    onEvents(recorded) {
      if (recorded.some(({ event }) => leavesUnused.has(event.$case))) sweeper.wake();
    },
    close: () => sweeper.close(),
  };
}

/** A later attempt's artifact replaces the one before; a run's go with its history. */
const leavesUnused: ReadonlySet<string> = new Set<Event["$case"]>([
  "artifactStored",
  "historyRemoved",
  "releaseRemoved",
]);

/** From the store to the spool, if it is not there by now; what is not what its hash says stays out. */
async function fill(
  spool: Files,
  objects: ObjectStore,
  sha256: string,
  size: number | undefined,
): Promise<void> {
  if (spool.has(sha256)) return;
  const content = size === undefined ? null : await objects.get(sha256);
  if (content === null || size === undefined) {
    throw refuse("ARTIFACT_UNKNOWN", `the store holds no content ${sha256}`);
  }
  const staged = spool.stage(size);
  try {
    for await (const bytes of content) {
      if (staged.received + bytes.length > size) break;
      await staged.append(bytes);
    }
    if (staged.received !== size || staged.digest() !== sha256) {
      throw refuse("ARTIFACT_CORRUPT", `the store's content is not ${sha256}`);
    }
    await staged.keep(sha256);
  } catch (error) {
    await staged.discard();
    throw error;
  }
}

/** Acts once a while after it was woken, however often. */
function laterOnce(ms: number, act: () => void): { wake(): void; close(): void } {
  let timer: NodeJS.Timeout | undefined;
  return {
    wake() {
      timer ??= setTimeout(() => {
        timer = undefined;
        act();
      }, ms).unref();
    },
    close: () => clearTimeout(timer),
  };
}
