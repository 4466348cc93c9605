import { cataloguePrefix, catalogueServices } from "@cohort/proto/catalogue/catalogue";
import { refuse } from "@cohort/proto/problem";
import { neutraliseLines } from "@cohort/proto/text";
import type { Session } from "../session.ts";
import { parseVersioned } from "./workflow.ts";

const kind = "service";

/** Services that were applied, by name. */
export async function listServices(session: Session): Promise<number> {
  const { output } = session;
  const console = await session.console();
  const { resources } = await console.call(console.resources, console.resources.list, { kind });
  const services = resources.map(({ name, version }) => ({ name, version }));
  output.result({ services }, () =>
    output.table(
      ["SERVICE", "VERSION"],
      services.map((it) => [it.name, it.version.slice(0, 12)]),
    ),
  );
  return 0;
}

/** Services that come with Cohort; no coordinator is asked. */
export function listCatalogue({ output }: Session): number {
  const services = Object.entries(catalogueServices).map(([name, { description, needs }]) => ({
    name: cataloguePrefix + name,
    description,
    needs,
  }));
  output.result({ services }, () =>
    output.table(
      ["EXTENDS", "YOU GIVE", "DESCRIPTION"],
      services.map((it) => [it.name, it.needs.join(" "), it.description]),
    ),
  );
  return 0;
}

/** Prints a service as YAML. */
export async function showService(session: Session, named: string): Promise<number> {
  if (named.startsWith(cataloguePrefix)) return showFromCatalogue(session, named);
  const console = await session.console();
  const { name, version } = parseVersioned(named);
  const request = { kind, name, version };
  const it = await console.call(console.resources, console.resources.show, request);
  session.output.result({ service: name, version: it.version, yaml: it.yaml }, () =>
    neutraliseLines(it.yaml.trimEnd()),
  );
  return 0;
}

function showFromCatalogue(session: Session, named: string): number {
  const name = named.slice(cataloguePrefix.length);
  const entry = Object.hasOwn(catalogueServices, name) ? catalogueServices[name] : undefined;
  if (entry === undefined) {
    throw refuse("RESOURCE_UNKNOWN", `the catalogue has no ${JSON.stringify(name)}`, {
      hint: "`cohort service list --catalogue` lists what it has.",
    });
  }
  session.output.result({ service: named, yaml: entry.yaml }, () => entry.yaml.trimEnd());
  return 0;
}
