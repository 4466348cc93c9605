// npm run dev: `cohort up`, built and started again whenever a source changes. Data stays.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { watch } from "node:fs";
import { join } from "node:path";
import { ensureBundles } from "./setup/bundles.mjs";
import { repository } from "./setup/paths.mjs";
import { phase, reportFailure } from "./setup/phase.mjs";
import { setUp } from "./setup/set-up.mjs";

const watched = ["proto", "coordinator", "gateway", "deploy"];
/** An editor saves in several strokes, a checkout many files. */
const settleMs = 300;

let stopping = false;
/** @type {import("node:child_process").ChildProcess | null} */
let mesh = null;

function startMesh() {
  const program = join(repository, "gateway", "dist", "cohort.mjs");
  mesh = spawn(process.execPath, [program, "up"], { stdio: "inherit" });
}

async function stopMesh() {
  if (mesh === null || mesh.exitCode !== null || mesh.signalCode !== null) return;
  const ended = once(mesh, "exit");
  mesh.kill("SIGTERM");
  await ended;
}

/** Builds what changed; a source that does not build leaves the running mesh alone. */
async function renew() {
  try {
    /** @type {string} */
    let built = "";
    await phase("bundles", async () => {
      built = await ensureBundles(repository);
      return built;
    });
    if (built.endsWith("up to date") || stopping) return;
    await stopMesh();
    if (!stopping) startMesh();
  } catch (error) {
    reportFailure(error);
    process.exitCode = 0;
  }
}

try {
  await setUp();
  startMesh();
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  let renewing = Promise.resolve();
  const watchers = watched.map((folder) =>
    watch(join(repository, folder), { recursive: true }, (_, path) => {
      if (!/\.(?:ts|mjs|json)$/.test(path ?? "") || /(?:^|\/)dist\//.test(path ?? "")) return;
      clearTimeout(timer);
      timer = setTimeout(() => {
        renewing = renewing.then(renew);
      }, settleMs);
    }),
  );
  await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
  stopping = true;
  clearTimeout(timer);
  for (const watcher of watchers) watcher.close();
  await renewing;
  await stopMesh();
} catch (error) {
  reportFailure(error);
}
