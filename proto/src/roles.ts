/** Roles of console credentials, and the role that each gRPC method needs. */
export const roles = ["operator", "approver", "gateway"] as const;
export type Role = (typeof roles)[number];

/** Roles of people, which an `approve` step may ask. An approver may decide, and nothing else. */
export const approvalRoles = ["operator", "approver"] as const satisfies readonly Role[];

/** Methods by gRPC path; a path that is not here is refused to everyone. */
export const methodRoles: Readonly<Record<string, readonly Role[]>> = {
  "/cohort.console.Resources/Apply": ["operator"],
  "/cohort.console.Resources/Show": ["operator"],
  "/cohort.console.Resources/History": ["operator"],
  "/cohort.console.Resources/Rollback": ["operator"],
  "/cohort.console.Resources/Graph": ["operator"],
  "/cohort.console.Resources/List": ["operator"],
  "/cohort.console.Runs/Start": ["operator"],
  "/cohort.console.Runs/StartMany": ["operator"],
  "/cohort.console.Runs/Get": ["operator"],
  "/cohort.console.Runs/Cancel": ["operator"],
  "/cohort.console.Runs/Pause": ["operator"],
  "/cohort.console.Runs/Resume": ["operator"],
  "/cohort.console.Runs/Retry": ["operator"],
  "/cohort.console.Runs/Rerun": ["operator"],
  "/cohort.console.Runs/Skip": ["operator"],
  "/cohort.console.Runs/List": ["operator"],
  "/cohort.console.Runs/Watch": ["operator"],
  "/cohort.console.Runs/Logs": ["operator"],
  "/cohort.console.Runs/Explain": ["operator"],
  "/cohort.console.Artifacts/List": ["operator"],
  "/cohort.console.Artifacts/Get": ["operator"],
  "/cohort.console.Nodes/Invite": ["operator"],
  "/cohort.console.Nodes/List": ["operator"],
  "/cohort.console.Nodes/Cordon": ["operator"],
  "/cohort.console.Nodes/Drain": ["operator"],
  "/cohort.console.Nodes/Uncordon": ["operator"],
  "/cohort.console.Nodes/SetSlots": ["operator"],
  "/cohort.console.Nodes/Label": ["operator"],
  "/cohort.console.Nodes/Watch": ["operator"],
  "/cohort.console.Nodes/Revoke": ["operator"],
  "/cohort.console.Secrets/Set": ["operator"],
  "/cohort.console.Secrets/List": ["operator"],
  "/cohort.console.Budgets/List": ["operator"],
  "/cohort.console.Ledger/Checkpoint": ["operator"],
  "/cohort.console.Ledger/Export": ["operator"],
  "/cohort.console.Approvals/List": ["operator", "approver"],
  "/cohort.console.Approvals/Decide": ["operator", "approver"],
  "/cohort.console.Schedules/List": ["operator"],
  "/cohort.console.Events/Submit": ["gateway"],
  "/cohort.console.Events/SubmitWebhook": ["gateway"],
  "/cohort.console.Events/WatchTriggers": ["gateway"],
  "/cohort.console.Events/WatchPublications": ["gateway"],
  "/cohort.console.Events/AcknowledgePublication": ["gateway"],
};
