/** Limits of the budgets' memory. Units last. */
export const budgetLimits = {
  /** Calls of one run that can be shown; of those that are posted, the oldest leave first. */
  callsPerRunMax: 1_000,
  /** What `cohort budget show` tells of a budget whose window is the run, and of uncertain calls. */
  runWindowsShownMax: 20,
  uncertainShownMax: 200,
  /** Numbers remembered above the floor, as the window of RFC 4303 section 3.4.3. */
  sequencesAboveFloorMax: 1_024,
  /** Refused calls recorded for one node within `refusalWindowMs`; the rest are only counted. */
  refusalsRecordedMax: 60,
  refusalWindowMs: 60_000,
  /**
   * How long after its last reservation a window is remembered: longer than the window itself and
   * the 26 hours that time zones lie apart, so that a changed time zone finds it too.
   */
  dayWindowKeptMs: 3 * 86_400_000,
  monthWindowKeptMs: 34 * 86_400_000,
} as const;
