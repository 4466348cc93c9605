import { createTokenKeys, type TokenKeys } from "./token.ts";

/** The keys of step tokens, for as long as their ids are good. */
export interface TokenKeyring {
  /** Ids that tokens may be under, that of new ones first. Keys of others are wiped. */
  keys(ids: readonly [string, ...string[]]): TokenKeys;
  wipe(): void;
}

export function createTokenKeyring(options: {
  readonly mesh: string;
  readonly derive: (purpose: string) => Uint8Array;
}): TokenKeyring {
  let held: TokenKeys | null = null;
  const wipe = () => {
    for (const key of held?.byId.values() ?? []) key.fill(0);
    held?.opened.clear();
    held = null;
  };
  return {
    keys(ids) {
      if (held !== null && [...held.byId.keys()].join() === ids.join()) return held;
      wipe();
      held = createTokenKeys({ ...options, ids });
      return held;
    },
    wipe,
  };
}
