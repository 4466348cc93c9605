import services from "./gen/services.json" with { type: "json" };

/** How a service names one of the catalogue that it takes everything from but what it says itself. */
export const cataloguePrefix = "catalogue/";

export interface CatalogueEntry {
  readonly description: string;
  /** Keys that whoever extends it must give. */
  readonly needs: readonly string[];
  /** All of it, as it was written. */
  readonly yaml: string;
}

/** Services that come with Cohort, by name; `npm run docs` collects them from proto/catalogue. */
export const catalogueServices: Readonly<Record<string, CatalogueEntry>> = services;
