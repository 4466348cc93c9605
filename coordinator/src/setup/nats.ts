import { renderNatsConfig } from "../mesh/nats-config.ts";
import { natsSeeds, signNatsTrust } from "../mesh/operator.ts";
import { makePrivateFolder, readText, writePrivate } from "./files.ts";
import type { InternalSecrets } from "./internal-secrets.ts";
import type { Paths } from "./paths.ts";

/** nats-server's configuration and the JWTs that it trusts; their keys stay in the vault. */
export async function provideNats(
  at: Paths,
  vault: InternalSecrets,
  listen: { readonly host: string; readonly port: number },
): Promise<void> {
  const seeds = natsSeeds((name, make) => vault.internal(name, make));
  const trust = await signNatsTrust(seeds, (publicKey) => {
    return readText(publicKey.startsWith("O") ? at.operatorJwt : at.accountJwt(publicKey));
  });
  const { operatorJwt, systemAccount, meshAccount } = trust;
  writePrivate(at.operatorJwt, operatorJwt);
  for (const { publicKey, jwt } of [systemAccount, meshAccount]) {
    writePrivate(at.accountJwt(publicKey), jwt);
  }
  makePrivateFolder(at.jetStream);
  const text = renderNatsConfig({
    ...listen,
    operatorJwt: at.operatorJwt,
    resolver: at.resolver,
    jetStream: at.jetStream,
    certificateChain: at.chain,
    certificateKey: at.key,
    systemAccount: systemAccount.publicKey,
  });
  writePrivate(at.natsConfig, text);
}
