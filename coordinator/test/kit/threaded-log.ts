import { type CommitThread, startCommitThread } from "../../src/log/commit-thread.ts";
import { openSqliteLog } from "../../src/log/sqlite.ts";
import { seed, signer } from "../log/samples.ts";

/** A log whose commits are a thread's; `watch` is given the thread when it starts. */
export function openThreadedLog(
  path: string,
  program: string,
  watch: (thread: CommitThread) => void = () => {},
): ReturnType<typeof openSqliteLog> {
  return openSqliteLog({
    path,
    signer,
    startThread(edge) {
      const thread = startCommitThread(program, { path, seed, name: signer.name, edge });
      watch(thread);
      return thread;
    },
  });
}
