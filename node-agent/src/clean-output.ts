import { neutraliseLines } from "@cohort/proto/text";
import type { Host } from "./host.ts";

/** The host, with what goes to its terminal and its log free of what would act on them or be hidden. */
export function withCleanOutput(host: Host): Host {
  return Object.create(host, {
    writeOut: { value: (text: string) => host.writeOut(neutraliseLines(text)) },
    writeError: { value: (text: string) => host.writeError(neutraliseLines(text)) },
  }) as Host;
}
