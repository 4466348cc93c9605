import type { Problem } from "@cohort/proto/problem";
import { allSteps } from "@cohort/proto/resources/workflow";
import type { FleetState, NodeDevice } from "../fleet/fleet.ts";
import { compileWorkflow } from "../workflow/compile.ts";
import type { Resource } from "../workflow/workflow.ts";

/**
 * Steps that would actuate a device without an `approve` step before them, where every node that was
 * granted it demands one: no node could ever run them. `resources` must be free of other problems.
 */
export function unapprovedProblems(
  resources: readonly Resource[],
  { nodes }: Pick<FleetState, "nodes">,
): Problem[] {
  return resources.flatMap((it) => {
    if (it.kind !== "workflow" || !asksForDevices(it)) return [];
    const { steps } = compileWorkflow(it.definition);
    return allSteps(it.definition).flatMap(({ phase, at, step: { id } }) => {
      const step = steps.get(id);
      if (step === undefined || step.approvals === null || step.approvals.length > 0) return [];
      return step.devices.flatMap(({ device, actuates }, index) => {
        if (!actuates || !alwaysAsks(nodes, device)) return [];
        const message = `every node's grant of ${device} requires an approval, and no \`approve\` step comes before`;
        const place = [phase, at, "grants", "devices", index];
        const hint = "Let the step depend on an `approve` step.";
        return [it.source.problemAt(place, "ACTUATION_UNAPPROVED", message, hint)];
      });
    });
  });
}

function asksForDevices({ definition }: Extract<Resource, { kind: "workflow" }>): boolean {
  return allSteps(definition).some(({ step }) => step.grants.devices !== undefined);
}

function alwaysAsks(nodes: FleetState["nodes"], device: string): boolean {
  const grants = [...nodes.values()].flatMap((node): NodeDevice[] => {
    const grant = node.state === "invited" ? undefined : node.devices.get(device);
    return grant?.actuates === true ? [grant] : [];
  });
  return grants.length > 0 && grants.every(({ requireApproval }) => requireApproval);
}
