import type { WorkflowStep } from "@cohort/proto/resources/workflow";

/** A device that a step is to be given. */
export interface DeviceNeed {
  readonly device: string;
  readonly actuates: boolean;
}

/** What the step is granted, as far as the workflow goes; its node's grants are the other half. */
export function deviceNeeds({ grants }: WorkflowStep): DeviceNeed[] {
  return (grants.devices ?? []).map((it) =>
    typeof it === "string"
      ? { device: it, actuates: false }
      : { device: it.device, actuates: it.access === "actuate" },
  );
}
