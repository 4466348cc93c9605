import { describe, expect, it } from "vitest";
import { type Import, importsOf, readSources, type SourceFile } from "./sources.ts";

interface Rule {
  readonly says: string;
  /** Files that the rule is about. */
  readonly of: RegExp;
  /** What they must not import, by target. */
  readonly never: (imported: Import, path: string) => boolean;
}

const pure =
  /^coordinator\/src\/(?:workflow|scheduler|agents|cron|budget|pricing|custody|fleet|history|rollout|state|witnesses)\//;
const adapters =
  /^coordinator\/src\/(?:mesh|vault|tokens|proxy|console|setup|triggers|dispatch|telemetry)\//;
const adapterOfLog = /^coordinator\/src\/(?:log\/(?!log$)|ledger\/)/;

/** DESIGN: imports that must never exist. */
const rules: readonly Rule[] = [
  {
    says: "proto imports nothing of the others",
    of: /^proto\/src\//,
    never: ({ target }) => /^(?:coordinator|node-agent|gateway|deploy|test)\//.test(target),
  },
  {
    says: "proto does no I/O",
    of: /^proto\/src\//,
    never: ({ specifier }) => specifier.startsWith("node:"),
  },
  ...(["coordinator", "node-agent", "gateway"] as const).map((own) => ({
    says: `${own} meets the other zones in proto only`,
    of: new RegExp(`^${own}/(?:src|console|node)/`),
    never: ({ target }: Import) =>
      /^(?:coordinator|node-agent|gateway)\//.test(target) && !target.startsWith(`${own}/`),
  })),
  {
    says: "pure folders know no adapter",
    of: pure,
    never: ({ target }) => adapters.test(target) || adapterOfLog.test(target),
  },
  {
    says: "pure folders use nothing of node",
    of: pure,
    never: ({ specifier }) => specifier.startsWith("node:"),
  },
  {
    says: "SQLite stays in the stores",
    of: /^(?:proto|coordinator|node-agent|gateway|deploy)\//,
    never: ({ specifier }, path) =>
      specifier === "better-sqlite3" &&
      !/^coordinator\/(?:src|test)\/(?:log|ledger|vault)\//.test(path),
  },
  {
    says: "NATS stays in the mesh adapters",
    of: /^(?:proto|coordinator|node-agent|gateway|deploy)\/(?:src|console|node)\//,
    never: ({ specifier }, path) =>
      specifier.startsWith("@nats-io/") && !/^(?:coordinator|node-agent)\/src\/mesh\//.test(path),
  },
  {
    says: "the agent reaches the machine through host.ts only",
    of: /^node-agent\/src\//,
    never: ({ specifier }) => specifier.startsWith("node:"),
  },
  {
    says: "nothing imports main.ts",
    of: /./,
    never: ({ target }, path) => /(?:^|\/)main$/.test(target) && !/\.mjs$|\/test\//.test(path),
  },
];

const sources = readSources();

function offences({ of, never }: Rule, files: readonly SourceFile[]): string[] {
  return files
    .filter((file) => of.test(file.path))
    .flatMap((file) =>
      file.imports
        .filter((it) => never(it, file.path))
        .map((it) => `${file.path} imports ${it.specifier}`),
    );
}

describe("imports", () => {
  it.each(rules.map((rule) => [rule.says, rule] as const))("%s", (_, rule) => {
    expect(offences(rule, sources)).toEqual([]);
  });

  it("pure folders ask nobody for the time or for chance", () => {
    const impure = sources.filter(
      ({ path, text }) =>
        pure.test(path) && /\bDate\.now\b|\bMath\.random\b|\bnew Date\(\)/.test(text),
    );
    expect(impure.map(({ path }) => path)).toEqual([]);
  });

  it("are all seen by the rules", () => {
    const text =
      'import a from "./a.ts";\nexport { b } from "@cohort/proto/b";\nimport "node:fs";\nawait import("@nats-io/x");';
    expect(importsOf("coordinator/src/budget/x.ts", text).map((it) => it.target)).toEqual([
      "coordinator/src/budget/a",
      "proto/src/b",
      "node:fs",
      "@nats-io/x",
    ]);
    const planted: SourceFile = {
      path: "coordinator/src/budget/x.ts",
      text: "",
      imports: importsOf("coordinator/src/budget/x.ts", 'import { v } from "../vault/vault.ts";'),
    };
    expect(rules.flatMap((rule) => offences(rule, [planted]))).toHaveLength(1);
  });
});
