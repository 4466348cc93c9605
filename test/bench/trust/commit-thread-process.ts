/** The thread that writes the log, as the coordinator runs it, bundled for the benchmark. */
import "@cohort/coordinator/src/log/commit-thread-main.ts";
