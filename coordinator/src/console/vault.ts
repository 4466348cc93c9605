import { type VaultServer, VaultService } from "@cohort/proto/gen/cohort/console";
import type { VaultDesk } from "../vault/vault-desk.ts";
import type { Caller } from "./guard.ts";
import type { Methods } from "./methods.ts";

export interface VaultDependencies {
  readonly vaultDesk: Pick<
    VaultDesk,
    | "status"
    | "unseal"
    | "seal"
    | "changeKek"
    | "changeMachineKey"
    | "changeDataKey"
    | "changeTokenKey"
    | "accept"
  >;
}

export function vaultService({ unary }: Methods, { vaultDesk }: VaultDependencies): VaultServer {
  const after =
    <Request>(run: (request: Request, actor: string) => Promise<void>) =>
    async (request: Request, { name }: Caller) => {
      await run(request, name);
      return vaultDesk.status;
    };
  return {
    status: unary(VaultService.status, () => vaultDesk.status),
    unseal: unary(
      VaultService.unseal,
      after(({ key }, actor) => vaultDesk.unseal({ actor, key: sameMemory(key) })),
    ),
    seal: unary(
      VaultService.seal,
      after(({ reason }, actor) => vaultDesk.seal({ actor, reason })),
    ),
    rotateKek: unary(
      VaultService.rotateKek,
      after(({ kind, former, key }, actor) =>
        vaultDesk.changeKek({
          actor,
          kind,
          former: sameMemory(former),
          key: sameMemory(key),
        }),
      ),
    ),
    rotateMachineKey: unary(
      VaultService.rotateMachineKey,
      after((_, actor) => vaultDesk.changeMachineKey(actor)),
    ),
    rotateDataKey: unary(
      VaultService.rotateDataKey,
      after((_, actor) => vaultDesk.changeDataKey(actor)),
    ),
    rotateTokenKey: unary(
      VaultService.rotateTokenKey,
      after(({ atOnce }, actor) => vaultDesk.changeTokenKey({ actor, atOnce })),
    ),
    accept: unary(
      VaultService.accept,
      after(({ reason, generation }, actor) => vaultDesk.accept({ actor, reason, generation })),
    ),
  };
}

/** What wipes it wipes the request, too. */
function sameMemory(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
