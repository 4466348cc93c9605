import { refuse } from "@cohort/proto/problem";
import type { Session } from "../session.ts";

/** Starts the whole mesh on this machine and stays until it is told to stop. */
export async function upCommand(session: Session): Promise<number> {
  const { up } = await import("@cohort/deploy/up");
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  try {
    return await up({ report: (line) => session.output.progress(line), signal: stopping.signal });
  } catch (error) {
    throw asSetupFailure(error);
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  }
}

/** The set-up's own errors carry what to do about them. */
function asSetupFailure(error: unknown): unknown {
  if (!(error instanceof Error) || error.name !== "SetupError") return error;
  const hint = "remedy" in error && typeof error.remedy === "string" ? error.remedy : "";
  return refuse("SETUP_FAILED", error.message, { hint }, error);
}
