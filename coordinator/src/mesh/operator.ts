import { type Account, decode, encodeAccount, encodeOperator } from "@nats-io/jwt";
import { createAccount, createOperator, createUser, type KeyPair } from "@nats-io/nkeys";
import { keyPairOf } from "./nkey.ts";

/** Seeds, as nkeys writes them. Whoever has the first two can let anyone onto the bus. */
export interface NatsSeeds {
  readonly operator: Buffer;
  readonly systemAccount: Buffer;
  readonly meshAccount: Buffer;
  readonly coordinator: Buffer;
}

/** Fetches each seed by name, making it when there is none. */
export function natsSeeds(internal: (name: string, make: () => Buffer) => Buffer): NatsSeeds {
  return {
    operator: internal("nats/operator-seed", () => seedOf(createOperator())),
    systemAccount: internal("nats/system-account-seed", () => seedOf(createAccount())),
    meshAccount: internal("nats/mesh-account-seed", () => seedOf(createAccount())),
    coordinator: internal("nats/coordinator-seed", () => seedOf(createUser())),
  };
}

/** What nats-server is told of the mesh: public, signed by the operator's key. */
export interface NatsTrust {
  readonly operatorJwt: string;
  readonly systemAccount: SignedAccount;
  readonly meshAccount: SignedAccount;
}

export interface SignedAccount {
  /** "A...". */
  readonly publicKey: string;
  readonly jwt: string;
}

/**
 * Signs the operator and its two accounts. `standing` gives a JWT that is in use, by public key: it
 * is kept while it is the operator's, because it may carry revocations and a newer one would lift
 * them.
 */
export async function signNatsTrust(
  seeds: NatsSeeds,
  standing: (publicKey: string) => string | null,
): Promise<NatsTrust> {
  const operator = keyPairOf(seeds.operator);
  const system = keyPairOf(seeds.systemAccount);
  const mesh = keyPairOf(seeds.meshAccount);
  const keep = async (pair: KeyPair, make: () => Promise<string>) => {
    const publicKey = pair.getPublicKey();
    const jwt = standing(publicKey);
    const valid = jwt !== null && isSignedBy(jwt, operator.getPublicKey(), publicKey);
    return { publicKey, jwt: valid ? jwt : await make() };
  };
  const { jwt: operatorJwt } = await keep(operator, () =>
    encodeOperator("cohort", operator, { system_account: system.getPublicKey() }),
  );
  return {
    operatorJwt,
    systemAccount: await keep(system, () =>
      encodeAccount("SYS", system, { limits: unlimited }, { signer: operator }),
    ),
    meshAccount: await keep(mesh, () => signMeshAccount(seeds, new Map())),
  };
}

/**
 * The mesh's account with the users, by "U..." and until when in ms since 1970, whose credentials of
 * up to then are void. nats-server cuts their connections when it takes the JWT.
 */
export function signMeshAccount(
  seeds: NatsSeeds,
  voidUntilMs: ReadonlyMap<string, number>,
): Promise<string> {
  const revocations = Object.fromEntries(
    [...voidUntilMs].map(([user, ms]) => [user, Math.ceil(ms / 1000)]),
  );
  const claims = { limits: { ...unlimited, ...jetStream }, revocations };
  const signer = keyPairOf(seeds.operator);
  return encodeAccount("MESH", keyPairOf(seeds.meshAccount), claims, { signer });
}

type AccountLimits = NonNullable<Account["limits"]>;

/** What a JWT leaves out counts as 0. nats-server's own limits, and each user's, hold instead. */
const unlimited: AccountLimits = {
  subs: -1,
  data: -1,
  payload: -1,
  imports: -1,
  exports: -1,
  wildcards: true,
  conn: -1,
  leaf: 0,
  disallow_bearer: true,
};

const jetStream: AccountLimits = {
  mem_storage: -1,
  disk_storage: -1,
  streams: -1,
  consumer: -1,
};

function isSignedBy(jwt: string, issuer: string, subject: string): boolean {
  try {
    const claims = decode(jwt);
    return claims.iss === issuer && claims.sub === subject;
  } catch {
    return false;
  }
}

function seedOf(pair: KeyPair): Buffer {
  return Buffer.from(pair.getSeed());
}
