import { lookalikeHint, lookalikeOf } from "@cohort/proto/confusable";
import { type SecretsServer, SecretsService } from "@cohort/proto/gen/cohort/console";
import { refuse } from "@cohort/proto/problem";
import type { Service } from "@cohort/proto/resources/service";
import { bindingsOf } from "../proxy/injection.ts";
import { secretUnknown } from "../vault/secret-versions.ts";
import type { Vault } from "../vault/vault.ts";
import type { VaultDesk } from "../vault/vault-desk.ts";
import type { Methods } from "./methods.ts";

/** The vault, as far as the console may reach: secrets go in, and never come out here. */
export interface SecretsDependencies {
  readonly vaultDesk: Pick<VaultDesk, "set" | "retire" | "delete">;
  readonly secrets: Pick<Vault, "list" | "versions">;
  /** null when nobody defined it. */
  readonly service: (name: string) => Service | null;
}

export function secretsService(
  { unary }: Methods,
  { vaultDesk, secrets, service }: SecretsDependencies,
): SecretsServer {
  const set = async (path: string, value: Uint8Array, services: readonly string[], more: More) => {
    // The vault wipes the value; protobuf's own copy is the very same memory.
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    const bindings = bindingsOf(path, services, service);
    return { version: await vaultDesk.set({ path, value: bytes, services, bindings, ...more }) };
  };
  return {
    set: unary(SecretsService.set, async ({ path, value, services }, { name: actor }) => {
      const other = lookalikeOf(
        path,
        secrets.list().map((it) => it.path),
      );
      if (other !== undefined) {
        value.fill(0);
        const message = `${path} can be taken for the secret ${other}`;
        throw refuse("NAME_CONFUSABLE", message, { hint: lookalikeHint });
      }
      const granted = services.length > 0 ? services : [path.split("/")[0] as string];
      return set(path, value, granted, { overlapMs: 0, actor });
    }),
    rotate: unary(SecretsService.rotate, async (request, { name: actor }) => {
      const { path, value, services, overlapMs } = request;
      try {
        const [current] = secrets.versions(path);
        if (current?.state !== "current") throw secretUnknown(`there is no secret at ${path}`);
        const granted = services.length > 0 ? services : current.services;
        return await set(path, value, granted, { overlapMs, actor });
      } finally {
        value.fill(0);
      }
    }),
    list: unary(SecretsService.list, () => ({
      secrets: secrets.list().map((it) => ({
        ...it,
        services: [...it.services],
        bindings: [...it.bindings],
      })),
    })),
    versions: unary(SecretsService.versions, ({ path }) => ({
      versions: secrets.versions(path).map((it) => ({
        ...it,
        services: [...it.services],
        bindings: [...it.bindings],
      })),
    })),
    retire: unary(SecretsService.retire, async ({ path, version }, { name: actor }) => {
      const ended = await vaultDesk.retire(path, version, actor);
      const [newest] = secrets.versions(path).filter(({ state }) => state === "current");
      return { version: ended, current: newest?.version ?? 0 };
    }),
    delete: unary(SecretsService.delete, async ({ path }, { name: actor }) => ({
      version: await vaultDesk.delete(path, actor),
    })),
  };
}

interface More {
  readonly overlapMs: number;
  readonly actor: string;
}
