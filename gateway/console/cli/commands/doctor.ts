import { CohortError, formatProblem } from "@cohort/proto/problem";
import type { Check } from "@cohort/deploy/doctor";
import type { Session } from "../session.ts";

/** Every check with its remedy; 1 when one failed, 5 when only the coordinator does not answer. */
export async function doctorCommand(session: Session): Promise<number> {
  const { doctor } = await import("@cohort/deploy/doctor");
  const setUp = await doctor({});
  const coordinator = await checkCoordinator(session);
  const checks = [...setUp, coordinator.check];
  session.output.result({ checks }, () => checks.map((it) => describe(session, it)).join("\n"));
  return setUp.every(({ ok }) => ok) ? coordinator.exit : 1;
}

async function checkCoordinator(session: Session): Promise<{ check: Check; exit: number }> {
  const name = "coordinator";
  try {
    const console = await session.console();
    const { nodes } = await console.call(console.nodes, console.nodes.list, {}, { timeoutMs: 5_000 });
    return { check: { name, ok: true, detail: `answers; ${nodes.length} nodes`, remedy: "" }, exit: 0 };
  } catch (error) {
    if (!(error instanceof CohortError)) throw error;
    const [problem] = error.problems;
    const detail = problem === undefined ? error.message : formatProblem({ ...problem, hint: "" });
    return { check: { name, ok: false, detail, remedy: problem?.hint ?? "" }, exit: error.exit };
  }
}

function describe(session: Session, { name, ok, detail, remedy }: Check): string {
  const line = session.output.table([], [[session.output.state(ok ? "ok" : "failed"), name, detail]]);
  return ok || remedy === "" ? line : `${line}\n    ${remedy}`;
}
