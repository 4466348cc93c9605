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
 *   architecture?: string, sources?: { path: string, text: string }[] }} options
 * `architecture` in Debian's words; the machine's own when absent
 */
export function privateApt({
  directory,
  suite,
  types = ["deb"],
  architecture = "",
  sources = machineSources(),
}) {
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
  writeFileSync(configuration, renderConfiguration(directory, architecture));

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
     * Downloads binary packages into `folder`, or into a new one.
     *
     * @param {readonly string[]} names
     * @returns {Promise<string[]>} the .deb files
     */
    async download(names, folder = mkdtempSync(join(archives, "download-"))) {
      const what = `${names.join(", ")} could not be downloaded from ${suite}`;
      await apt(["download", ...names], what, folder);
      return readdirSync(folder).map((name) => join(folder, name));
    },
    /**
     * Downloads source packages, as their upstream and Debian archives, into `folder`.
     *
     * @param {readonly string[]} names
     * @param {string} folder
     */
    async downloadSources(names, folder) {
      const what = `the sources of ${names.join(", ")} could not be downloaded from ${suite}`;
      await apt(["source", "--download-only", "--only-source", ...names], what, folder);
    },
  };
}

/** Every sources file that apt itself would read. */
function machineSources(etc = "/etc/apt") {
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
 * @param {string} architecture
 */
function renderConfiguration(directory, architecture) {
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
    ...(architecture === ""
      ? []
      : [
          `APT::Architecture ${quoted(architecture)};`,
          "#clear APT::Architectures;",
          `APT::Architectures ${quoted(architecture)};`,
        ]),
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
