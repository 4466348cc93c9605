import { randomFillSync } from "node:crypto";
import { ulid } from "ulid";

/** Makes ULIDs of the clock's time. Randomness is drawn in bulk: asking for it is what costs. */
export function createIds(now: () => number): () => string {
  const pool = new Uint32Array(1024);
  let left = 0;
  const random = () => {
    if (left === 0) {
      randomFillSync(pool);
      left = pool.length;
    }
    left--;
    return (pool[left] as number) / 2 ** 32;
  };
  return () => ulid(now(), random);
}
