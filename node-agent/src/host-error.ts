/** Code of an error that the host threw, "" for any other. The native host has its own class. */
export function hostErrorCode(error: unknown): string {
  const code = error instanceof Error ? (error as { code?: unknown }).code : "";
  return typeof code === "string" ? code : "";
}
