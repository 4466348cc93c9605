import type { ResourceChange } from "@cohort/proto/gen/cohort/console";
import { definitionDiff } from "../definition-diff.ts";
import { exitStatus } from "../exit-codes.ts";
import type { Output } from "../output.ts";
import type { Session } from "../session.ts";
import { changeView } from "../views.ts";
import { readSources } from "./sources.ts";

/**
 * Sends resource files to the coordinator, which checks all before it changes any, and shows what
 * changes. With `dryRun` nothing does, and the exit status tells whether something would.
 */
export async function apply(
  session: Session,
  { filename, dryRun }: { readonly filename: readonly string[]; readonly dryRun: boolean },
): Promise<number> {
  const { output } = session;
  const files = readSources(filename, session.terminal.directory);
  const console = await session.console();
  const request = { files, dryRun, withTexts: true };
  const { changes } = await console.call(console.resources, console.resources.apply, request);
  const diffs = changes.map(definitionDiff);
  const views = changes.map((it, at) => ({ ...changeView(it), diff: diffs[at] ?? null }));
  output.result({ dry_run: dryRun, changes: views }, () =>
    [
      ...changes.flatMap((it, at) => diffText(output, it, diffs[at] ?? null)),
      output.table(
        ["KIND", "NAME", "VERSION", dryRun ? "WOULD BE" : "CHANGE"],
        changes.map((it) => [it.kind, it.name, it.version.slice(0, 12), it.change]),
      ),
    ].join("\n"),
  );
  const isChanged = changes.some(({ change }) => change !== "unchanged");
  return dryRun && isChanged ? exitStatus.wouldChange : exitStatus.done;
}

export function diffText(output: Output, it: ResourceChange, diff: string | null): string[] {
  if (diff === null) return [`${it.kind}/${it.name} changes in more places than can be shown\n`];
  return diff === "" ? [] : [output.diff(diff)];
}
