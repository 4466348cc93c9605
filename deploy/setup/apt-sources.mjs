// @ts-check
/**
 * Where this machine gets Debian from, read from apt's own sources. Pure: texts in, values out.
 *
 * @typedef {{ types: string[], uris: string[], suites: string[], components: string[],
 *   signedBy: string }} Source `signedBy` is a path or an inline key block, "" for apt's default keys
 */

const debianSuites = new Set(
  "oldstable stable testing unstable bullseye bookworm trixie forky duke sid".split(" "),
);

/**
 * The source that holds Debian's own suites, or null when this is not a Debian that reads from one.
 *
 * @param {{ path: string, text: string }[]} files
 * @returns {Source | null}
 */
export function debianSource(files) {
  const sources = files.flatMap(({ path, text }) =>
    path.endsWith(".sources") ? parseStanzas(text) : parseLines(text),
  );
  return sources.find(isDebianArchive) ?? null;
}

/**
 * Sources of another suite of the same archive, as a deb822 file.
 *
 * @param {Source} source
 * @param {{ suite: string, types: ("deb" | "deb-src")[] }} wanted
 */
export function renderSource(source, { suite, types }) {
  const lines = [
    `Types: ${types.join(" ")}`,
    `URIs: ${source.uris.join(" ")}`,
    `Suites: ${suite}`,
    "Components: main",
  ];
  if (source.signedBy !== "") lines.push(`Signed-By: ${source.signedBy}`);
  return `${lines.join("\n")}\n`;
}

/** @param {Source} source */
function isDebianArchive(source) {
  return (
    source.types.includes("deb") &&
    source.uris.length > 0 &&
    source.components.includes("main") &&
    source.suites.some((suite) => debianSuites.has(suite))
  );
}

/**
 * deb822, sources.list(5): stanzas apart by empty lines, `#` comments, values that go on in
 * indented lines.
 *
 * @param {string} text
 * @returns {Source[]}
 */
function parseStanzas(text) {
  const withoutComments = text
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .join("\n");
  return withoutComments.split(/\n\s*\n/).flatMap((stanza) => {
    /** @type {Map<string, string>} */
    const fields = new Map();
    for (const [, name, value] of stanza.matchAll(/^([A-Za-z-]+):((?:.*)(?:\n[ \t].*)*)/gm)) {
      fields.set(/** @type {string} */ (name).toLowerCase(), /** @type {string} */ (value).trim());
    }
    if (/^(no|false|0|off|disable)$/i.test(fields.get("enabled") ?? "yes")) return [];
    const words = (/** @type {string} */ name) =>
      (fields.get(name) ?? "").split(/\s+/).filter(Boolean);
    const source = {
      types: words("types"),
      uris: words("uris"),
      suites: words("suites"),
      components: words("components"),
      signedBy: fields.get("signed-by") ?? "",
    };
    return source.types.length === 0 ? [] : [source];
  });
}

/**
 * One-line style, sources.list(5): `deb [ option=value ... ] uri suite component...`.
 *
 * @param {string} text
 * @returns {Source[]}
 */
function parseLines(text) {
  return text.split("\n").flatMap((line) => {
    const match = /^\s*(deb|deb-src)\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line);
    if (match === null) return [];
    const [, type = "", options = "", uri = "", suite = "", components = ""] = match;
    const signedBy = /(?:^|\s)signed-by=(\S+)/.exec(options)?.[1] ?? "";
    return [
      {
        types: [type],
        uris: [uri],
        suites: [suite],
        components: components.split(/\s+/).filter(Boolean),
        signedBy,
      },
    ];
  });
}
