import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { filesBelow, sha256 } from "./hash.mjs";

/** @typedef {import("./sbom.mjs").Part} Part */

/**
 * A Debian source package, from its signed description.
 * @param {string} text Of the .dsc file.
 * @returns {Part}
 */
export function sourcePart(text) {
  const field = (/** @type {string} */ name) =>
    new RegExp(`^${name}: (.+)$`, "m").exec(text)?.[1] ?? "";
  const block = /^Checksums-Sha256:\n((?: .+\n)+)/m.exec(text)?.[1] ?? "";
  const files = [...block.matchAll(/^ ([0-9a-f]{64}) \d+ (\S+)$/gm)].map(
    ([, hash = "", file = ""]) => ({ file, sha256: hash }),
  );
  const upstream = files.find(({ file }) => file.includes(".orig.tar."));
  const [name, version] = [field("Source"), field("Version")];
  if (upstream === undefined || version === "") throw new Error(`no description of ${name}`);
  return {
    name,
    version,
    purl: `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=source`,
    hash: { alg: "SHA-256", content: upstream.sha256 },
    files,
  };
}

/**
 * The binary packages of a sysroot: "musl-dev_1.2.5-3_riscv64.deb".
 * @param {string} sysroot
 * @returns {Part[]}
 */
export function sysrootParts(sysroot) {
  const archives = readdirSync(sysroot).filter((name) => name.endsWith(".deb"));
  return archives.map((archive) => {
    const [name = "", version = "", arch = ""] = archive
      .replace(/\.deb$/, "")
      .split("_")
      .map(decodeURIComponent);
    return {
      name,
      version,
      purl: `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${arch}`,
      hash: { alg: "SHA-256", content: sha256(readFileSync(join(sysroot, archive))) },
    };
  });
}

/**
 * npm's packages in the bundles, with what package-lock.json says of their archives.
 * @param {readonly string[]} inputs Paths of the modules that were bundled.
 * @param {string} lock
 * @returns {Part[]}
 */
export function npmParts(inputs, lock) {
  const { packages } = JSON.parse(lock);
  const names = new Set(
    inputs.flatMap((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []),
  );
  return [...names].map((name) => {
    const { version, integrity = "" } = packages[`node_modules/${name}`] ?? {};
    const [, digest] = /^sha512-(.+)$/.exec(integrity) ?? [];
    if (digest === undefined) throw new Error(`package-lock.json has no SHA-512 of ${name}`);
    return {
      name,
      version,
      purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
      hash: { alg: "SHA-512", content: Buffer.from(digest, "base64").toString("hex") },
    };
  });
}

/**
 * Our own sources. The hash is that of what `sha256sum` would print of all files in the order of
 * their paths, which are relative to `root`.
 * @param {string} name
 * @param {string} version
 * @param {string} root
 * @param {readonly string[]} folders
 * @returns {Part}
 */
export function ownPart(name, version, root, folders) {
  const files = folders
    .flatMap((folder) => filesBelow(join(root, folder)))
    .filter((path) => /\.(?:ts|json|c|h)$/.test(path) && !path.includes("/test/"))
    .sort()
    .map((path) => `${sha256(readFileSync(path))}  ${path.slice(root.length + 1)}\n`);
  return {
    name,
    version,
    purl: `pkg:generic/${name.replace("@", "%40")}@${version}`,
    hash: { alg: "SHA-256", content: sha256(files.join("")) },
  };
}
