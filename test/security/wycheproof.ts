import { readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { privateApt } from "../../deploy/setup/apt.mjs";
import { command } from "../../deploy/setup/command.mjs";
import { paths } from "../../deploy/setup/paths.mjs";
import { fileIn, suite } from "../../node-agent/toolchain/debian.mjs";
import { makeOnce } from "../../node-agent/toolchain/once.mjs";

/** A file of https://github.com/C2SP/wycheproof, as far as it is read here. */
export interface Wycheproof<Group, Test> {
  readonly numberOfTests: number;
  readonly testGroups: readonly (Group & { readonly tests: readonly (Test & Verdict)[] })[];
}

interface Verdict {
  readonly tcId: number;
  readonly result: "valid" | "invalid" | "acceptable";
}

/** Reads the project's vectors, from Debian's package of RustCrypto's crate that carries them. */
export async function readWycheproof<Group, Test>(name: string): Promise<Wycheproof<Group, Test>> {
  const { cache } = paths();
  const folder = await makeOnce(join(cache, "wycheproof"), async (into) => {
    const apt = privateApt({ directory: join(cache, "apt", suite), suite });
    await apt.update();
    const [file = ""] = await apt.download(["librust-wycheproof-dev"]);
    await command(["dpkg-deb", "-x", file, into], {
      what: "the package of Wycheproof's vectors could not be unpacked",
      remedy: "Free some disk space, then try again.",
    });
    rmSync(dirname(file), { recursive: true });
  });
  const crate = fileIn(join(folder, "usr/share/cargo/registry"), /^wycheproof-/);
  return JSON.parse(readFileSync(join(crate, "src", "data", `${name}_test.json`), "utf8"));
}
