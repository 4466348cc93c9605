/** What a run can be; all but the first two are for good. */
export const runStates = ["queued", "running", "succeeded", "failed", "cancelled"] as const;
