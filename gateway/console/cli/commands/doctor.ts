import type { Check } from "@cohort/deploy/doctor";
import { CohortError, formatProblem } from "@cohort/proto/problem";
import { neutraliseLines } from "@cohort/proto/text";
import type { Session } from "../session.ts";

/** Every check with its remedy; 1 when one failed, 5 when only the coordinator does not answer. */
export async function doctorCommand(session: Session): Promise<number> {
  const { doctor } = await import("@cohort/deploy/doctor");
  const setUp = await doctor({});
  const coordinator = await checkCoordinator(session);
  const checks = [...setUp, coordinator.check];
  session.output.result({ checks }, () => describe(session, checks));
  return setUp.every(({ ok }) => ok) ? coordinator.exit : 1;
}

async function checkCoordinator(session: Session): Promise<{ check: Check; exit: number }> {
  const name = "coordinator";
  try {
    const console = await session.console();
    const { nodes } = await console.call(
      console.nodes,
      console.nodes.list,
      {},
      { timeoutMs: 5_000 },
    );
    return {
      check: { name, ok: true, detail: `answers; ${nodes.length} nodes`, remedy: "" },
      exit: 0,
    };
  } catch (error) {
    if (!(error instanceof CohortError)) throw error;
    const [problem] = error.problems;
    const detail = problem === undefined ? error.message : formatProblem({ ...problem, hint: "" });
    return { check: { name, ok: false, detail, remedy: problem?.hint ?? "" }, exit: error.exit };
  }
}

function describe({ output }: Session, checks: readonly Check[]): string {
  const table = output.table(
    ["CHECK", "STATE", "FOUND"],
    checks.map(({ name, ok, detail }) => [name, output.state(ok ? "ok" : "failed"), detail]),
  );
  const remedies = checks
    .filter(({ ok, remedy }) => !ok && remedy !== "")
    .map(({ name, remedy }) => neutraliseLines(`${name}: ${remedy}`));
  return [table, ...(remedies.length > 0 ? [""] : []), ...remedies].join("\n");
}
