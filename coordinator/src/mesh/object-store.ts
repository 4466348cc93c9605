import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import { refuse } from "@cohort/proto/problem";
import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { type ObjectStore as Bucket, Objm, StorageType } from "@nats-io/obj";
import type { Logger } from "pino";
import type { ObjectStore } from "../artifacts/keeper.ts";
import { connectNats, type NatsAddress, watch } from "./connection.ts";
import { artifactBucket } from "./credentials.ts";

export interface ObjectStoreOptions extends Omit<NatsAddress, "name" | "inboxPrefix"> {
  readonly log: Logger;
}

/**
 * JetStream's object store, over a connection of its own whose rights end at its bucket. It connects
 * when it is first needed: a mesh without artifacts needs no JetStream.
 */
export function createObjectStore(
  options: ObjectStoreOptions,
): ObjectStore & { close(): Promise<void> } {
  let opening: Promise<Opened> | null = null;
  const opened = () => {
    opening ??= open(options).catch((error: unknown) => {
      opening = null;
      throw error;
    });
    return opening;
  };
  const act = async <T>(work: (store: Opened) => Promise<T>): Promise<T> => {
    try {
      return await work(await opened());
    } catch (cause) {
      throw asRefusal(cause);
    }
  };
  return {
    put: (name, content) =>
      act(async ({ bucket }) => {
        const known = await bucket.info(name);
        if (known !== null && !known.deleted) return;
        const stream = Readable.toWeb(Readable.from(content)) as ReadableStream<Uint8Array>;
        await bucket.put({ name }, stream as Parameters<Bucket["put"]>[1]);
      }),
    get: (name) =>
      act(async ({ bucket }) => {
        const result = await bucket.get(name);
        if (result === null) return null;
        result.error.catch(() => {});
        return wrapped(result.data as unknown as AsyncIterable<Uint8Array>);
      }),
    remove: (name) =>
      act(async ({ bucket, connection }) => {
        await bucket.delete(name);
        // What is left is a mark that it was there, one for each that ever was.
        const manager = await jetstreamManager(connection);
        await manager.streams.purge(stream, { filter: metaSubject(name) });
      }),
    list: () => act(async ({ bucket }) => (await bucket.list()).map(({ name }) => name)),
    async close() {
      const { connection } = (await opening?.catch(() => null)) ?? {};
      await connection?.close();
    },
  };
}

interface Opened {
  readonly connection: NatsConnection;
  readonly bucket: Bucket;
}

const stream = `OBJ_${artifactBucket}`;

async function open({ log, ...address }: ObjectStoreOptions): Promise<Opened> {
  const inboxPrefix = `_INBOX_${artifactBucket}`;
  const connection = await connectNats({ ...address, name: "artifacts", inboxPrefix });
  try {
    watch(connection, log);
    const bucket = await new Objm(connection).create(artifactBucket, { storage: StorageType.File });
    await removeOrphans(connection, bucket);
    return { connection, bucket };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** Content that a process which was killed began to write, and no object names. */
async function removeOrphans(connection: NatsConnection, bucket: Bucket): Promise<void> {
  const manager = await jetstreamManager(connection);
  const prefix = `$O.${artifactBucket}.C.`;
  const { state } = await manager.streams.info(stream, { subjects_filter: `${prefix}>` });
  const named = new Set((await bucket.list()).map(({ nuid }) => prefix + nuid));
  const orphans = Object.keys(state.subjects ?? {}).filter((subject) => !named.has(subject));
  for (const filter of orphans) await manager.streams.purge(stream, { filter });
}

async function* wrapped(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* content;
  } catch (cause) {
    throw asRefusal(cause);
  }
}

/** Names are in base64 in subjects: ADR-20 of NATS's architecture. */
function metaSubject(name: string): string {
  const encoded = Buffer.from(name).toString("base64").replace(/\+/g, "-").replace(/\//g, "_");
  return `$O.${artifactBucket}.M.${encoded}`;
}

function asRefusal(cause: unknown) {
  const reason = cause instanceof Error ? cause.message : String(cause);
  if (/insufficient|maximum bytes|resources|no space/i.test(reason)) {
    return refuse("ARTIFACT_STORE_FULL", `the object store takes no more: ${reason}`, {}, cause);
  }
  return refuse(
    "ARTIFACT_STORE_UNAVAILABLE",
    `the object store does not answer: ${reason}`,
    { hint: "Check that nats-server runs, with JetStream on." },
    cause,
  );
}
