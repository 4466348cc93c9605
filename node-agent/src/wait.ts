import type { Host } from "./host.ts";

/** Resolves after `ms`, or at once when the signal is or becomes aborted. */
export function delay(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
}

/** Resolves when what goes on now has come to its end. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve());
  });
}

export interface Deferred<Value> {
  readonly promise: Promise<Value>;
  resolve(value: Value): void;
}

/** A promise that someone else resolves. (Promise.withResolvers is younger than Node 20.) */
export function deferred<Value>(): Deferred<Value> {
  let resolve: (value: Value) => void = () => {};
  const promise = new Promise<Value>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** The n-th wait (from 0) of a series that doubles: anything from nothing to its full length. */
export function backoffMs(host: Host, failures: number, msMin: number, msMax: number): number {
  const full = Math.min(msMax, msMin * 2 ** Math.min(failures, 20));
  return Math.round(full * randomFraction(host));
}

/** Uniform in [0, 1). */
export function randomFraction(host: Host): number {
  const [a, b, c] = host.random(3) as unknown as [number, number, number];
  return (a * 65_536 + b * 256 + c) / 16_777_216;
}
