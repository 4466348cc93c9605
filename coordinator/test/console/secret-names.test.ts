import { SecretsService } from "@cohort/proto/gen/cohort/console";
import { expect, it } from "vitest";
import { secretsService } from "../../src/console/secrets.ts";

/** Handlers as they are, without gRPC. */
const methods = { unary: (_: unknown, handle: unknown) => handle } as never;

it("a secret is not set under a path that can be taken for another's, and its value is wiped (94)", async () => {
  const written: string[] = [];
  const service = secretsService(methods, {
    vaultDesk: {
      set: async ({ path }: { path: string }) => written.push(path),
    } as never,
    secrets: { list: () => [{ path: "desk/api-key1" }], versions: () => [] } as never,
    service: () => null,
  }) as unknown as Record<"set", (request: object, caller: object) => Promise<unknown>>;
  expect(SecretsService.set.path).toContain("Secrets/Set");
  const value = new Uint8Array([1, 2, 3]);
  const ask = (path: string) => service.set({ path, value, services: ["desk"] }, { name: "ann" });
  await expect(ask("desk/api-keyl")).rejects.toThrow("taken for the secret desk/api-key1");
  expect([...value]).toEqual([0, 0, 0]);
  await ask("desk/api-key1");
  await ask("desk/other");
  expect(written).toEqual(["desk/api-key1", "desk/other"]);
});
