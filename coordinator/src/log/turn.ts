/** The end of a turn of the event loop: when all that had arrived has been read and decided. */
export interface TurnEnd {
  /** Before the commits of the same turn, so that what it decides is in them. */
  readonly gather: (run: () => void) => void;
  readonly commit: (run: () => void) => void;
}

export function createTurnEnd(): TurnEnd {
  let gathers: (() => void)[] = [];
  let commits: (() => void)[] = [];
  const end = () => {
    const gathered = gathers;
    gathers = [];
    for (const run of gathered) run();
    const committed = commits;
    commits = [];
    for (const run of committed) run();
  };
  const schedule = () => {
    if (gathers.length + commits.length === 0) setImmediate(end);
  };
  return {
    gather(run) {
      schedule();
      gathers.push(run);
    },
    commit(run) {
      schedule();
      commits.push(run);
    },
  };
}
