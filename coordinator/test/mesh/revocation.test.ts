import { type Account, decode, encodeAccount, encodeUser } from "@nats-io/jwt";
import { createUser } from "@nats-io/nkeys";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { keyPairOf } from "../../src/mesh/nkey.ts";
import { signNatsTrust } from "../../src/mesh/operator.ts";
import { joinBus, nodeIdentity } from "./bus-client.ts";
import { startNatsServer, type TestNatsServer } from "./nats-server.ts";

let server: TestNatsServer;

beforeAll(async () => {
  server = await startNatsServer();
});

afterAll(() => server?.remove());

describe("the accounts that set-up makes", () => {
  it("take a revocation in operation, which cuts the connection and lasts", async () => {
    const identity = await nodeIdentity(server.setup, "press-1");
    const node = await joinBus(server.setup, identity);
    const other = await joinBus(server.setup, await nodeIdentity(server.setup, "press-2"));
    await pushMeshAccount(await revoked(decode(identity.jwt).sub));
    await node.connection.closed();
    await expect(joinBus(server.setup, identity)).rejects.toThrow(/revoked|authorization/i);
    await other.connection.flush();
    await other.connection.close();

    await server.kill();
    await server.start();
    await expect(joinBus(server.setup, identity)).rejects.toThrow(/revoked|authorization/i);
  });
});

/** The mesh's account with one user's credentials of up to now made void. */
async function revoked(user: string): Promise<string> {
  const { operator, meshAccount } = server.setup.seeds;
  const trust = await signNatsTrust(server.setup.seeds, () => null);
  const { nats } = decode<Account>(trust.meshAccount.jwt);
  const revocations = { [user]: Math.floor(Date.now() / 1000) };
  const signer = keyPairOf(operator);
  return encodeAccount("MESH", keyPairOf(meshAccount), { ...nats, revocations }, { signer });
}

async function pushMeshAccount(jwt: string): Promise<void> {
  const user = createUser();
  const system = keyPairOf(server.setup.seeds.systemAccount);
  const userJwt = await encodeUser("system", user.getPublicKey(), system, {});
  const identity = { owner: "system", jwt: userJwt, seed: user.getSeed() };
  const { connection } = await joinBus(server.setup, identity);
  const reply = await connection.request("$SYS.REQ.CLAIMS.UPDATE", jwt);
  expect(reply.json()).toMatchObject({ data: { code: 200 } });
  await connection.close();
}
