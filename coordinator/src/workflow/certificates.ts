import type { Problem } from "@cohort/proto/problem";
import { isCertificate, type Service, type WrittenService } from "@cohort/proto/resources/service";
import type { Source, SourceFile } from "./source.ts";

/** The service with the text of its `ca_file` as `ca`, or what is wrong with that. */
export function withCertificates(
  { ca_file: name, ...definition }: WrittenService,
  source: Source,
  files: readonly SourceFile[],
): Service | Problem {
  if (name === undefined) return definition;
  const at = ["ca_file"];
  if (definition.ca !== undefined) {
    return source.problemAt(at, "RESOURCE_INVALID", "`ca` says already which certificates");
  }
  const path = siblingOf(source.file.path, name);
  const ca = files.find((file) => file.path === path)?.text;
  if (ca === undefined) {
    const hint = "Put the PEM file beside this one; `cohort apply` sends both.";
    return source.problemAt(at, "RESOURCE_REFERENCE_UNKNOWN", `no file ${name}`, hint);
  }
  if (!isCertificate(ca)) {
    const message = `${name} holds no certificate, or a private key beside it`;
    return source.problemAt(at, "RESOURCE_INVALID", message);
  }
  return { ...definition, ca };
}

function siblingOf(path: string, name: string): string {
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  return folder + name.replace(/^\.\//, "");
}
