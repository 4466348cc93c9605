/**
 * What a binary is made of, as CycloneDX 1.5 (https://cyclonedx.org/docs/1.5/json). Pure. It bears no
 * time and no serial number, so that the same parts give the same bytes.
 *
 * @typedef {object} Part
 * @property {string} name
 * @property {string} version
 * @property {string} purl https://github.com/package-url/purl-spec
 * @property {{alg: "SHA-256" | "SHA-512", content: string}} hash Of what it was compiled from.
 * @property {readonly {file: string, sha256: string}[]} [files] All archives, where there are several.
 */

/**
 * @param {{version: string, arch: string, sha256: string, compiler: string}} binary
 * @param {readonly Part[]} parts
 * @returns {string} JSON
 */
export function billOfMaterials(binary, parts) {
  const { version, arch, sha256, compiler } = binary;
  const reference = `cohort-agent@${version}-${arch}`;
  const components = [...parts].sort((a, b) => (a.name < b.name ? -1 : 1)).map(component);
  const document = {
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    version: 1,
    metadata: {
      component: {
        type: "application",
        "bom-ref": reference,
        name: "cohort-agent",
        version,
        hashes: [{ alg: "SHA-256", content: sha256 }],
        properties: [
          { name: "cohort:arch", value: arch },
          { name: "cohort:compiler", value: compiler },
        ],
      },
    },
    components,
    dependencies: [
      { ref: reference, dependsOn: components.map((it) => it["bom-ref"]) },
      ...components.map((it) => ({ ref: it["bom-ref"] })),
    ],
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** @param {Part} part */
function component({ name, version, purl, hash, files = [] }) {
  const properties = files.map(({ file, sha256 }) => ({
    name: "cohort:source",
    value: `${file} sha256:${sha256}`,
  }));
  return {
    type: "library",
    "bom-ref": purl,
    name,
    version,
    purl,
    hashes: [hash],
    ...(properties.length > 0 ? { properties } : {}),
  };
}
