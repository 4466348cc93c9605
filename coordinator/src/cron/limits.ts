export const cronLimits = {
  /** A time that is due is not missed within this, whatever `catchup` says: a restart takes as long. */
  graceMs: 10_000,
  /** Missed times that are counted one by one. */
  missedCountMax: 100,
  /** A clock that goes back further than this is set anew, and its schedules with it. */
  clockBackMsMax: 24 * 60 * 60_000,
} as const;
