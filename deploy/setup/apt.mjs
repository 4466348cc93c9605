// @ts-check
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { debianSource, renderSource } from "./apt-sources.mjs";
import { command, SetupError } from "./command.mjs";

/**
 * A private view of one Debian suite: its own lists and downloads below `directory`, the machine's
 * mirror, proxies, credentials and keys. Nothing of the system is written, so it needs no root. apt
 * verifies the suite's signature and each package's hash.
 *
 * @param {{ directory: string, suite: string, types?: ("deb" | "deb-src")[],
 *   sources?: { path: string, text: string }[] }} options
 */
export function privateApt({ directory, suite, types = ["deb"], sources = machineSources() }) {
  const source = debianSource(sources);
  if (source === null) {
    throw new SetupError("apt's sources name no Debian archive", {
      remedy: "Run this on Debian 12 or 13, or add Debian's archive to /etc/apt/sources.list.d.",
    });
  }
  const lists = join(directory, "state", "lists");
  const archives = join(directory, "archives");
  const sourceParts = join(directory, "sources.list.d");
  for (const folder of [join(lists, "partial"), join(archives, "partial"), sourceParts]) {
    mkdirSync(folder, { recursive: true });
  }
  writeFileSync(join(sourceParts, "debian.sources"), renderSource(source, { suite, types }));
  writeFileSync(join(directory, "status"), "");
  const configuration = join(directory, "apt.conf");
  writeFileSync(configuration, renderConfiguration(directory));

  const apt = (
    /** @type {string[]} */ argv,
    /** @type {string} */ what,
    workingFolder = archives,
  ) =>
    command(["apt-get", "-c", configuration, "-q", ...argv], {
      what,
      remedy: "Check that `apt-get update` works on this machine, then try again.",
      directory: workingFolder,
    });
  return {
    /** Fetches and verifies the lists of packages. */
    update: () =>
      apt(["update", "--error-on=any"], `the package lists of ${suite} could not be read`),
    /**
     * Downloads binary packages, "name" or "name:architecture", into a folder of their own.
     *
     * @param {string[]} names
     * @returns {Promise<string[]>} the .deb files
     */
    async download(names) {
      const folder = mkdtempSync(join(archives, "download-"));
      const what = `${names.join(", ")} could not be downloaded from ${suite}`;
      await apt(["download", ...names], what, folder);
      return readdirSync(folder).map((name) => join(folder, name));
    },
  };
}

/** Every sources file that apt itself would read. */
export function machineSources(etc = "/etc/apt") {
  const parts = join(etc, "sources.list.d");
  const inParts = existsSync(parts) ? readdirSync(parts).sort() : [];
  return [join(etc, "sources.list"), ...inParts.map((name) => join(parts, name))]
    .filter((path) => /\.(list|sources)$/.test(path) && existsSync(path))
    .map((path) => ({ path, text: readFileSync(path, "utf8") }));
}

/**
 * Read after the machine's own configuration, so that its proxies hold and its hooks, which would
 * touch the system's caches, do not.
 *
 * @param {string} directory
 */
function renderConfiguration(directory) {
  const quoted = (/** @type {string} */ path) => JSON.stringify(path);
  return [
    `Dir::State ${quoted(join(directory, "state"))};`,
    `Dir::State::status ${quoted(join(directory, "status"))};`,
    `Dir::Cache ${quoted(directory)};`,
    `Dir::Cache::archives ${quoted(join(directory, "archives"))};`,
    'Dir::Cache::pkgcache "";',
    'Dir::Cache::srcpkgcache "";',
    'Dir::Etc::sourcelist "/dev/null";',
    `Dir::Etc::sourceparts ${quoted(join(directory, "sources.list.d"))};`,
    'Dir::Etc::preferences "/dev/null";',
    'Dir::Etc::preferencesparts "/dev/null";',
    "#clear APT::Update::Pre-Invoke;",
    "#clear APT::Update::Post-Invoke;",
    "#clear APT::Update::Post-Invoke-Success;",
    'Acquire::Languages "none";',
    'Acquire::Retries "3";',
    'Acquire::AllowInsecureRepositories "false";',
    'Acquire::AllowDowngradeToInsecureRepositories "false";',
    'APT::Get::AllowUnauthenticated "false";',
    // The folder may be one that apt's unprivileged user cannot enter.
    'APT::Sandbox::User "root";',
    "",
  ].join("\n");
}
