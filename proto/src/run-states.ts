/** What a run can be; all but the first are for good. */
export const runStates = ["running", "succeeded", "failed", "cancelled"] as const;
