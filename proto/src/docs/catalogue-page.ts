import { catalogueServices } from "../catalogue/catalogue.ts";
import { page } from "./markdown.ts";

/** Every service of the catalogue, as it is. */
export function cataloguePage(): string {
  const names = Object.keys(catalogueServices);
  return page(
    "# Catalogue of services",
    "",
    `${names.length} well-known APIs that a [service](service.md) may extend. What it says itself stands instead of what the`,
    "catalogue says, key by key; `needs` lists, with examples, what it must say:",
    "",
    "```yaml",
    "kind: service",
    "name: tickets",
    "extends: catalogue/jira",
    "base_url: https://acme.atlassian.net",
    "auth: { type: basic, username: mesh@acme.example, secret: tickets/api-token }",
    "```",
    "",
    "`cohort service list --catalogue` lists them, `cohort service show catalogue/jira` prints one. What is applied is the",
    "whole definition, so that another version of Cohort changes nothing that stands. Prices that are missing are yours to say.",
    "",
    ...names.flatMap((name) => [
      `## ${name}`,
      "",
      "```yaml",
      (catalogueServices[name]?.yaml ?? "").trimEnd(),
      "```",
      "",
    ]),
  );
}
