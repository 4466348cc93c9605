import type { Host } from "../../src/host.ts";

/**
 * Entry of the binaries that update.test.ts starts as `run --data DIR CONDUCT`: says which version it is
 * and whether it is under trial, and then does as the file "conduct-VERSION" of the folder says.
 */
const host = globalThis.__host as Host;
const folder = host.info.argv[host.info.argv.indexOf("--data") + 1] as string;
const { version } = host.info;
const text = (path: string) => new TextDecoder().decode(host.files.read(path) ?? new Uint8Array());
const trial = host.environment("COHORT_AGENT_TRIAL") ?? "-";
host.writeOut(`${version} ${trial.slice(0, 8)}\n`);

const conduct = text(`${folder}/conduct-${version}`).trim();
if (conduct === "confirm") {
  const boot = text(`${folder}/update/boot`)
    .replace(/current .*/, `current ${trial}`)
    .replace(/trial .*/, "trial -");
  host.files.writeAtomic(`${folder}/update/boot`, new TextEncoder().encode(boot), 0o600);
  host.endTrial();
  setTimeout(() => host.exit(0), 2_500);
} else if (conduct === "restart") {
  setInterval(() => {
    if (host.files.read(`${folder}/go`) === null) return;
    host.files.remove(`${folder}/go`);
    host.restart();
  }, 20);
} else if (conduct === "hang") {
  for (;;);
} else if (conduct === "idle") {
  setInterval(() => {}, 1_000);
} else {
  host.exit(3);
}
