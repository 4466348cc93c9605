import { join } from "node:path";
import { keyPairOf } from "@cohort/coordinator/src/mesh/nkey.ts";
import { openSetup } from "@cohort/coordinator/src/setup/setup.ts";
import { provideVault } from "@cohort/coordinator/src/vault/provide-vault.ts";
import { readContext } from "@cohort/gateway/src/console-client/context.ts";
import { encodeUser } from "@nats-io/jwt";
import { createUser } from "@nats-io/nkeys";
import { type Bus, joinBus } from "./bus.ts";
import type { TestMesh } from "./mesh.ts";

/** The mesh's root certificate, PEM. */
export function caOf(mesh: TestMesh): string {
  return readContext(mesh.context).ca;
}

/** Folder of the coordinator's data. */
export function dataOf(mesh: TestMesh): string {
  return join(mesh.home, "coordinator");
}

/** A connection that may say and hear everything on the mesh's part of the bus, as whoever took it over. */
export async function joinAsIntruder(mesh: TestMesh): Promise<Bus> {
  const vault = await provideVault(dataOf(mesh), join(mesh.home, "vault.key"));
  try {
    const { seeds, localServer, ca } = openSetup(dataOf(mesh), vault);
    const user = createUser();
    const all = { pub: { allow: [">"] }, sub: { allow: [">"] } };
    const account = keyPairOf(seeds.meshAccount);
    const jwt = await encodeUser("intruder", user.getPublicKey(), account, all);
    return await joinBus(
      { servers: [localServer], ca },
      { owner: "intruder", jwt, seed: user.getSeed() },
    );
  } finally {
    vault.close();
  }
}
