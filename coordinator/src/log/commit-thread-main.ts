import { parentPort, workerData } from "node:worker_threads";
import { GrowingTree } from "../ledger/hash-rows.ts";
import { createCheckpointSigner } from "../ledger/ledger.ts";
import {
  batchOf,
  type CommitThreadAnswer,
  type CommitThreadRequest,
  type CommitThreadStart,
} from "./commit-thread.ts";
import { openDatabase } from "./database.ts";
import { logSchemaVersion } from "./leaf-store.ts";
import { createSqliteWriter } from "./sqlite-writer.ts";

/** The thread that writes the log: see commit-thread.ts. It ends when it is told to, or at a fault. */
const { path, seed, name, edge } = workerData as CommitThreadStart;
const database = openDatabase({ path, schemaVersion: logSchemaVersion, create: null });
const signer = createCheckpointSigner(seed, name);
const writer = createSqliteWriter(database, new GrowingTree(edge), signer);

parentPort?.on("message", (request: CommitThreadRequest) => {
  parentPort?.postMessage(answerTo(request));
});

function answerTo(request: CommitThreadRequest): CommitThreadAnswer {
  try {
    return { value: resultOf(request) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

function resultOf(request: CommitThreadRequest): unknown {
  switch (request.kind) {
    case "commit":
      return writer.commit(batchOf(request.batch));
    case "removeLogs":
      return writer.removeLogs(request.runs);
    case "purge":
      return writer.purge();
  }
}
