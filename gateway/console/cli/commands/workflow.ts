import { neutraliseLines } from "@cohort/proto/text";
import { definitionDiff } from "../definition-diff.ts";
import { formatMoment } from "../moments.ts";
import type { Session } from "../session.ts";
import { changeView } from "../views.ts";
import { diffText } from "./apply.ts";
import { readSources } from "./sources.ts";

const kind = "workflow";

/** Checks files as `apply` does, against what stands at the coordinator, and changes nothing. */
export async function validate(
  session: Session,
  { filename }: { readonly filename: readonly string[] },
): Promise<number> {
  const files = readSources(filename, session.terminal.directory);
  const console = await session.console();
  const request = { files, dryRun: true, withTexts: false };
  const { changes } = await console.call(console.resources, console.resources.apply, request);
  const resources = changes.map(({ kind, name, version }) => ({ kind, name, version }));
  session.output.result({ valid: true, resources }, () =>
    resources.map((it) => `${it.kind}/${it.name} is valid`).join("\n"),
  );
  return 0;
}

/** Each time that a version was applied, newest first. */
export async function history(session: Session, name: string): Promise<number> {
  const { output } = session;
  const console = await session.console();
  const request = { kind, name };
  const { applications } = await console.call(
    console.resources,
    console.resources.history,
    request,
  );
  const rows = applications.map(({ version, appliedMs, actor }, at) => ({
    version,
    applied_ms: appliedMs,
    actor,
    current: at === 0,
  }));
  output.result({ workflow: name, versions: rows }, () =>
    output.table(
      ["VERSION", "APPLIED", "BY", ""],
      rows.map((it) => [
        it.version.slice(0, 12),
        formatMoment(it.applied_ms),
        it.actor,
        it.current ? "current" : "",
      ]),
    ),
  );
  return 0;
}

/** Prints a version as YAML, which `apply` takes. */
export async function show(session: Session, named: string): Promise<number> {
  const console = await session.console();
  const { name, version } = parseVersioned(named);
  const request = { kind, name, version };
  const it = await console.call(console.resources, console.resources.show, request);
  session.output.result({ workflow: name, version: it.version, yaml: it.yaml }, () =>
    neutraliseLines(it.yaml.trimEnd()),
  );
  return 0;
}

/** "press@3f2a" is a version of press, "press" its newest, whose version is "". */
export function parseVersioned(text: string): { readonly name: string; readonly version: string } {
  const [name = "", ...version] = text.split("@");
  return { name, version: version.join("@") };
}

/** Applies an earlier version again. Runs that go on keep theirs. */
export async function rollback(
  session: Session,
  name: string,
  { to = "" }: { readonly to?: string },
): Promise<number> {
  const { output } = session;
  const console = await session.console();
  const request = { kind, name, version: to };
  const change = await console.call(console.resources, console.resources.rollback, request);
  const diff = definitionDiff(change);
  output.result({ ...changeView(change), diff }, () =>
    [
      ...diffText(output, change, diff),
      change.change === "unchanged"
        ? `${name} is at ${change.version.slice(0, 12)} already`
        : `${name} is at ${change.version.slice(0, 12)} now`,
    ].join("\n"),
  );
  return 0;
}
