/** Something that is due at a time, or at none: `dueMs` is 0 then, and `setTimer`'s alone to change. */
export interface Timed {
  dueMs: number;
}

/** What is due when, by second, so that a tick looks at little beyond what is due. */
export type Timers<T extends Timed> = Map<number, Set<T>>;

/** Replaces the time at which it was due. */
export function setTimer<T extends Timed>(timers: Timers<T>, it: T, dueMs: number): void {
  clearTimer(timers, it);
  it.dueMs = dueMs;
  const second = secondOf(dueMs);
  const there = timers.get(second);
  if (there === undefined) timers.set(second, new Set([it]));
  else there.add(it);
}

export function clearTimer<T extends Timed>(timers: Timers<T>, it: T): void {
  if (it.dueMs === 0) return;
  const second = secondOf(it.dueMs);
  const there = timers.get(second);
  there?.delete(it);
  if (there?.size === 0) timers.delete(second);
  it.dueMs = 0;
}

/** All that is due by now, the earliest first. */
export function dueBy<T extends Timed>(timers: Timers<T>, nowMs: number): T[] {
  const due = [...timers]
    .filter(([second]) => second <= secondOf(nowMs))
    .flatMap(([, there]) => [...there].filter((it) => it.dueMs <= nowMs));
  return due.sort((a, b) => a.dueMs - b.dueMs);
}

function secondOf(ms: number): number {
  return Math.floor(ms / 1000);
}
