/** Set by FUZZ_PLANT: each target then has a fault, which its fuzzer must find. */
export const planted = (globalThis as unknown as Record<string, unknown>)["__planted"] === true;

/** What holds for every input. */
export function must(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

export function plantedFault(reached: boolean): void {
  if (planted && reached) throw new Error("the planted fault");
}

/** Texts of two values, with bytes and maps told apart. */
export function mustEqual(left: unknown, right: unknown, what: string): void {
  const [a, b] = [text(left), text(right)];
  if (a !== b) throw new Error(`${what}: ${a} and ${b}`);
}

function text(value: unknown): string {
  return (
    JSON.stringify(value, (_, it: unknown) =>
      it instanceof Uint8Array ? `bytes ${it}` : it instanceof Map ? [...it] : it,
    ) ?? "undefined"
  );
}

/**
 * The bytes in pieces, as a network would deliver them. Where it cuts depends on the bytes alone, so
 * that a finding can be played again.
 */
export function* pieces(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + ((bytes[at] as number) % 64);
    yield bytes.subarray(at, at + length);
    at += length;
  }
}
