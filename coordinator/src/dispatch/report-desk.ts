import { decideReports, type Report } from "../scheduler/decide-reports.ts";
import type { Writer } from "../state/writer.ts";

/** Takes what is heard of attempts. */
export interface ReportDesk {
  /** Resolves when what follows from the reports is durable. */
  hand(reports: readonly Report[]): Promise<void>;
}

/**
 * Reports that arrive together, of all nodes, are judged as one: a decision for each would record an
 * attempt's acceptance, start and end one by one even where all three are known. `gather` calls back
 * when what has arrived has been read.
 */
export function createReportDesk(writer: Writer, gather: (run: () => void) => void): ReportDesk {
  let gathered: Report[] = [];
  let judged: Promise<void> | null = null;
  const judge = () => {
    const reports = gathered;
    gathered = [];
    judged = null;
    return writer.decide((state) => decideReports(state, reports));
  };
  return {
    hand(reports) {
      for (const report of reports) gathered.push(report);
      judged ??= new Promise((resolve, reject) => {
        gather(() => judge().then(resolve, reject));
      });
      return judged;
    },
  };
}
