import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeOnce } from "./once.mjs";
import { run } from "./run.mjs";

/** The suite that all four libraries and musl are taken from, for every architecture alike. */
export const suite = "trixie";
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
const remedyNetwork =
  "check that apt works on this machine (`apt-get update`), then run the build again";

/**
 * A private apt: own lists, own cache, no installed packages, so that neither root nor a change of
 * the machine's own sources is needed. Proxies and the like still come from the machine's apt.conf.
 * @param {import("./architectures.mjs").Architecture} architecture
 * @param {string} cacheDir
 * @param {(line: string) => void} log
 */
export async function openDebian(architecture, cacheDir, log) {
  const state = await makeOnce(
    join(cacheDir, `apt-${suite}-${architecture.debian}`),
    async (dir) => {
      mkdirSync(join(dir, "lists/partial"), { recursive: true });
      mkdirSync(join(dir, "archives/partial"), { recursive: true });
      writeFileSync(join(dir, "status"), "");
    },
  );
  const mirror = await findMirror(state);
  writeFileSync(
    join(state, "cohort.sources"),
    `Types: deb deb-src\nURIs: ${mirror}\nSuites: ${suite}\nComponents: main\nSigned-By: ${keyring}\n`,
  );
  writeFileSync(join(state, "apt.conf"), configuration(state, architecture));
  const env = { ...process.env, APT_CONFIG: join(state, "apt.conf") };
  log(`reading the package lists of Debian ${suite}`);
  await run(["apt-get", "-q", "update"], {
    what: `reading the package lists of Debian ${suite}`,
    remedy: `${remedyNetwork}; on NO_PUBKEY: apt-get install debian-archive-keyring`,
    env,
  });
  return {
    /** @param {readonly string[]} packages @param {string} dir Orig and debian tars, side by side. */
    fetchSources: (packages, dir) =>
      run(["apt-get", "-q", "source", "--download-only", "--only-source", ...packages], {
        what: `downloading the sources of ${packages.join(", ")}`,
        remedy: remedyNetwork,
        cwd: dir,
        env,
      }),
    /** @param {readonly string[]} packages @param {string} dir */
    fetchPackages: (packages, dir) =>
      run(["apt-get", "-q", "download", ...packages], {
        what: `downloading ${packages.join(", ")}`,
        remedy: remedyNetwork,
        cwd: dir,
        env,
      }),
  };
}

/**
 * The machine's own mirror. apt itself is asked what it would fetch, since it knows both formats of
 * its sources, every option and every include; an empty list folder makes it name all.
 * @param {string} state
 */
async function findMirror(state) {
  const empty = join(state, "nothing");
  mkdirSync(join(empty, "partial"), { recursive: true });
  const uris = await run(
    ["apt-get", "update", "--print-uris", "-o", `Dir::State::Lists=${empty}`],
    { what: "asking apt for its mirror", remedy: "configure a Debian mirror in /etc/apt" },
  );
  const found = [...uris.matchAll(/^'(\S+?)\/dists\/[a-z]+\/InRelease'/gm)].map(
    (match) => match[1],
  );
  const mirror = found.find((uri) => /\/debian$/.test(uri)) ?? found[0];
  if (mirror === undefined) {
    throw new Error(
      "asking apt for its mirror found none\n" +
        "  command: apt-get update --print-uris\n  remedy: configure a Debian mirror in /etc/apt",
    );
  }
  return mirror;
}

/** @param {string} state @param {import("./architectures.mjs").Architecture} architecture */
function configuration(state, architecture) {
  return [
    `Dir::Etc::SourceList "${join(state, "cohort.sources")}";`,
    'Dir::Etc::SourceParts "/dev/null";',
    'Dir::Etc::Preferences "/dev/null";',
    'Dir::Etc::PreferencesParts "/dev/null";',
    `Dir::State "${state}";`,
    `Dir::State::Lists "${join(state, "lists")}";`,
    `Dir::State::Status "${join(state, "status")}";`,
    `Dir::Cache "${state}";`,
    // Root would otherwise drop to a user that may not write into a folder below root's home.
    'APT::Sandbox::User "";',
    `APT::Architecture "${architecture.debian}";`,
    `APT::Architectures "${architecture.debian}";`,
    'Acquire::Languages "none";',
    'APT::Update::Post-Invoke-Success "";',
  ]
    .join("\n")
    .concat("\n");
}

/** @param {string} dir @param {RegExp} pattern @returns {string} The one file that matches. */
export function fileIn(dir, pattern) {
  const name = existsSync(dir) ? readdirSync(dir).find((entry) => pattern.test(entry)) : undefined;
  if (name === undefined) throw new Error(`no file like ${pattern} in ${dir}`);
  return join(dir, name);
}
