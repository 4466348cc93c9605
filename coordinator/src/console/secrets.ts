import { type SecretsServer, SecretsService } from "@cohort/proto/gen/cohort/console";
import type { Writer } from "../state/writer.ts";
import type { Methods } from "./methods.ts";

/** The vault, as far as the console may reach: secrets go in, and never come out here. */
export interface SecretsDependencies {
  readonly writer: Writer;
  readonly now: () => number;
  readonly vault: {
    set(path: string, value: Buffer, services: readonly string[], nowMs: number): number;
    list(): readonly {
      path: string;
      version: number;
      setMs: number;
      services: readonly string[];
    }[];
  };
}

export function secretsService(
  { unary }: Methods,
  { writer, vault, now }: SecretsDependencies,
): SecretsServer {
  return {
    set: unary(SecretsService.set, async ({ path, value, services }, caller) => {
      const granted = services.length > 0 ? services : [path.split("/")[0] as string];
      // The vault wipes the value; protobuf's own copy is the very same memory.
      const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      const version = vault.set(path, bytes, granted, now());
      const event = {
        $case: "secretSet" as const,
        value: { actor: caller.name, path, version, services: granted },
      };
      return writer.decide(() => ({ events: [event], value: { version } }));
    }),
    list: unary(SecretsService.list, () => ({
      secrets: vault.list().map((it) => ({ ...it, services: [...it.services] })),
    })),
  };
}
