import { describe, expect, test } from "vitest";
import { debianSource, renderSource } from "../setup/apt-sources.mjs";

const mirror = "http://mirror.example/debian";

describe("the machine's Debian archive", () => {
  test("is read from deb822 sources, comments and continued lines included", () => {
    const text = `# A comment
Types: deb deb-src
# another
URIs: ${mirror}
Suites: bookworm bookworm-updates
Components: main
 contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`;
    expect(debianSource([{ path: "debian.sources", text }])).toEqual({
      types: ["deb", "deb-src"],
      uris: [mirror],
      suites: ["bookworm", "bookworm-updates"],
      components: ["main", "contrib"],
      signedBy: "/usr/share/keyrings/debian-archive-keyring.gpg",
    });
  });

  test("is read from one-line sources with options", () => {
    const text = `deb [arch=amd64 signed-by=/etc/apt/keyrings/debian.gpg] ${mirror} trixie main contrib # all\n`;
    expect(debianSource([{ path: "sources.list", text }])).toMatchObject({
      uris: [mirror],
      suites: ["trixie"],
      components: ["main", "contrib"],
      signedBy: "/etc/apt/keyrings/debian.gpg",
    });
  });

  test("is not the security archive, a third party's, a disabled one or a commented line", () => {
    const oneLine = `deb http://mirror.example/debian-security bookworm-security main
deb https://packages.example/linux/debian bookworm stable
deb https://packages.example/node nodistro main
#deb ${mirror} bookworm main
deb-src ${mirror} bookworm main
`;
    const disabled = `Types: deb\nEnabled: no\nURIs: ${mirror}\nSuites: bookworm\nComponents: main\n`;
    const files = [
      { path: "sources.list", text: oneLine },
      { path: "off.sources", text: disabled },
    ];
    expect(debianSource(files)).toBeNull();
  });

  test("takes the stanza that fits from a file of several", () => {
    const text = `Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Types: deb
URIs: ${mirror}
Suites: stable
Components: main
`;
    expect(debianSource([{ path: "a.sources", text }])?.uris).toEqual([mirror]);
  });
});

describe("the private source", () => {
  const source = {
    types: ["deb"],
    uris: [mirror],
    suites: ["bookworm"],
    components: ["main", "contrib"],
    signedBy: "/usr/share/keyrings/debian-archive-keyring.gpg",
  };

  test("is another suite of the same mirror with the same key", () => {
    expect(renderSource(source, { suite: "trixie", types: ["deb"] })).toBe(`Types: deb
URIs: ${mirror}
Suites: trixie
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`);
  });

  test("leaves the key to apt's own keyring when the machine names none", () => {
    const rendered = renderSource({ ...source, signedBy: "" }, { suite: "trixie", types: ["deb"] });
    expect(rendered).not.toContain("Signed-By");
  });
});
