import { runStates } from "@cohort/proto/run-states";
import { Command, InvalidArgumentError, Option } from "commander";
import manifest from "../../package.json" with { type: "json" };
import { addAgentCommands } from "./agent-commands.ts";
import { addBudgetCommands } from "./budget-commands.ts";
import { exitCodeHelp } from "./exit-codes.ts";
import { addLedgerCommands } from "./ledger-commands.ts";
import { addNodeCommands } from "./node-commands.ts";
import type { Format, Terminal } from "./output.ts";
import { addServiceCommands } from "./service-commands.ts";
import { Session } from "./session.ts";
import { addTokenCommands } from "./token-commands.ts";
import { addVaultCommands } from "./vault-commands.ts";
import { addWorkflowCommands } from "./workflow-commands.ts";

export interface GlobalOptions {
  readonly context?: string;
  readonly output: Format;
}

type Work = (session: Session) => Promise<number>;

/**
 * Every command, its options and its help. The work itself is loaded when a command runs, so that the
 * others cost no time.
 */
export function buildProgram(terminal: Terminal, finish: (code: number) => void): Command {
  const program = new Command("cohort")
    .description("Runs workflows on a mesh of edge nodes, and shows what they did and spent.")
    .version(manifest.version)
    .option("--context <file>", "where the coordinator is and who we are to it")
    .addOption(
      new Option("-o, --output <format>", "json for programs")
        .choices(["table", "json"])
        .default("table"),
    )
    .addHelpText("after", exitCodeHelp)
    .configureOutput({ writeOut: terminal.writeResult, writeErr: terminal.writeProgress })
    .showSuggestionAfterError()
    .exitOverride();

  /** What every command does: a session, its work, its exit status. */
  const work = async (action: Work): Promise<void> => {
    const session = new Session(terminal, program.opts<GlobalOptions>());
    try {
      finish(await action(session));
    } finally {
      session.close();
    }
  };
  addMeshCommands(program, work);
  addWorkflowCommands(program, work);
  addRunCommands(program, work);
  addApprovalCommands(program, work);
  addArtifactCommands(program, work);
  addNodeCommands(program, work);
  addAgentCommands(program, work);
  addServiceCommands(program, work);
  addVaultCommands(program, work);
  addTokenCommands(program, work);
  addLedgerCommands(program, work);
  return program;
}

export type AddCommands = (program: Command, work: (action: Work) => Promise<void>) => void;

const addMeshCommands: AddCommands = (program, work) => {
  program
    .command("up")
    .description("start nats-server, the coordinator and the gateway, and stay until stopped")
    .action(() => work(async (session) => (await import("./commands/up.ts")).upCommand(session)));
  program
    .command("doctor")
    .description("check the set-up, and name a remedy for each failure")
    .action(() =>
      work(async (session) => (await import("./commands/doctor.ts")).doctorCommand(session)),
    );
  program
    .command("apply")
    .description(
      "create or change workflows, services, budgets and channels: all that is named, or nothing",
    )
    .requiredOption("-f, --filename <path...>", "YAML files, or folders of them")
    .option("--dry-run", "only say what would change; exit with 6 if something would", false)
    .action((options) =>
      work(async (session) => (await import("./commands/apply.ts")).apply(session, options)),
    );
  program
    .command("schema [kind]")
    .description("print the JSON Schema of a kind of resource, or of all, for editors")
    .action((kind) =>
      work(async (session) => (await import("./commands/schema.ts")).schema(session, kind)),
    );
  addBudgetCommands(program, work);
  program
    .command("broker-password")
    .description("hash a password from stdin for the embedded MQTT broker's users file")
    .action(() =>
      work(async (session) =>
        (await import("./commands/broker-password.ts")).brokerPassword(session),
      ),
    );
};

const addRunCommands: AddCommands = (program, work) => {
  const run = program
    .command("run <workflow>")
    .description("start a run, or explain one")
    .option("-i, --input <key=text>", "an input; key:=json for other than text", collect, [])
    .option("--inputs <file>", "all inputs as a JSON object; - for stdin")
    .option("-w, --follow", "stay until the run has ended; exit with 3 if it failed", false)
    .option(
      "--idempotency-key <key>",
      "a second start of this workflow with this key is the same run",
    )
    .action((workflow, options) =>
      work(async (session) => (await import("./commands/run.ts")).run(session, workflow, options)),
    );
  run
    .command("explain <run> <step>")
    .description("say why a step does not run: what it waits for, and what rules out each node")
    .option("--all", "every instance and every node, instead of some of each", false)
    .action((id, step, options) =>
      work(async (session) =>
        (await import("./commands/explain.ts")).explain(session, id, step, options),
      ),
    );
  program
    .command("status [run]")
    .description("show a run's steps and what it spent, or the latest runs")
    .option("--workflow <name>", "only runs of this workflow")
    .option("--limit <count>", "at most so many runs", countOption, 20)
    .action((run, options) =>
      work(async (session) => (await import("./commands/status.ts")).status(session, run, options)),
    );
  program
    .command("runs")
    .description("list runs, the newest first")
    .option("--workflow <name>", "only runs of this workflow")
    .addOption(new Option("--state <state>", "only runs in this state").choices(runStates))
    .option("--limit <count>", "at most so many runs", countOption, 20)
    .option("--before <cursor>", "go on where another list ended, by what it said then")
    .action((options) =>
      work(async (session) => (await import("./commands/runs.ts")).listRuns(session, options)),
    );
  program
    .command("schedules")
    .description("show when each schedule is due next, and what became of its last time")
    .option("--workflow <name>", "only schedules of this workflow")
    .action((options) =>
      work(async (session) =>
        (await import("./commands/schedules.ts")).listSchedules(session, options),
      ),
    );
  program
    .command("cancel <run>")
    .description("end a run: its programs are asked to stop, and its finally steps still run")
    .option("--hard", "kill its programs, and leave the finally steps out", false)
    .action((run, options) =>
      work(async (session) => (await import("./commands/cancel.ts")).cancel(session, run, options)),
    );
  program
    .command("pause <run>")
    .description("let nothing of a run begin any more; what runs of it goes on to its end")
    .option("--reason <text>", "why, for those who read its status and the ledger", "")
    .action((run, options) =>
      work(async (session) => (await import("./commands/pause.ts")).pause(session, run, options)),
    );
  program
    .command("retry <run>")
    .description("start a run that does again what did not end well, and takes the rest over")
    .option("--from <step>", "do this step again, and what depends on it, instead")
    .option("-w, --follow", "stay until the run has ended; exit with 3 if it failed", false)
    .option("--idempotency-key <key>", "a second retry with this key is the same run")
    .action((run, options) =>
      work(async (session) => (await import("./commands/retry.ts")).retry(session, run, options)),
    );
  program
    .command("rerun <run>")
    .description("start a run with the inputs and the event of another")
    .option("--latest", "of the newest version of its workflow instead of its own", false)
    .option("-w, --follow", "stay until the run has ended; exit with 3 if it failed", false)
    .option("--idempotency-key <key>", "a second rerun with this key is the same run")
    .action((run, options) =>
      work(async (session) => (await import("./commands/retry.ts")).rerun(session, run, options)),
    );
  program
    .command("skip <run> <step>")
    .description("end a step that has not ended; what depends on it goes on")
    .requiredOption("--reason <text>", "why, for those who read its status and the ledger")
    .action((run, step, options) =>
      work(async (session) =>
        (await import("./commands/skip.ts")).skip(session, run, step, options),
      ),
    );
  program
    .command("resume <run>")
    .description("let a paused run go on")
    .action((run) =>
      work(async (session) => (await import("./commands/pause.ts")).resume(session, run)),
    );
  program
    .command("logs <run>")
    .description("print what a run's steps wrote")
    .option("-f, --follow", "stay until the run has ended", false)
    .option("--step <step>", "only this step")
    .option("--after <cursor>", "go on behind the line with this cursor (-o json)", indexOption)
    .addOption(
      new Option("--verify", "instead of printing it, hold it against the ledger")
        .conflicts(["follow", "step", "after"])
        .default(false),
    )
    .addOption(
      new Option("--key <key>", "verifier key of the ledger, for --verify").implies({
        verify: true,
      }),
    )
    .action((run, { verify, key, ...options }) =>
      work(async (session) => {
        if (verify)
          return (await import("./commands/verify-logs.ts")).verifyLogs(session, run, key);
        return (await import("./commands/logs.ts")).logs(session, run, options);
      }),
    );
};

const addApprovalCommands: AddCommands = (program, work) => {
  program
    .command("approvals")
    .description("list what waits for a person's decision")
    .action(() =>
      work(async (session) => (await import("./commands/approvals.ts")).listApprovals(session)),
    );
  program
    .command("approve <run> <step>")
    .description("decide what a step asks; the first decision counts")
    .option("--deny", "refuse it, which fails the step", false)
    .option("--comment <text>", "why, for the record", "")
    .option("--instance <number>", "which instance of a fanned-out step", indexOption)
    .action((run, step, options) =>
      work(async (session) =>
        (await import("./commands/approvals.ts")).approve(session, run, step, options),
      ),
    );
};

const addArtifactCommands: AddCommands = (program, work) => {
  const artifact = program.command("artifact").description("get the files that steps left");
  artifact
    .command("list <run>")
    .description("list what a run's steps left")
    .action((run) =>
      work(async (session) => (await import("./commands/artifact.ts")).listArtifacts(session, run)),
    );
  artifact
    .command("get <run> <step> <name>")
    .description("write an artifact to a file, and check its hash")
    .option("-O, --file <file>", "to this file instead of one of the artifact's name")
    .option("--instance <number>", "of this instance of the step", indexOption, 0)
    .action((run, step, name, options) =>
      work(async (session) =>
        (await import("./commands/artifact.ts")).getArtifact(session, { run, step, name }, options),
      ),
    );
};

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function countOption(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > 1000) {
    throw new InvalidArgumentError("It must be a number from 1 to 1000.");
  }
  return count;
}

function indexOption(text: string): number {
  const index = Number(text);
  if (/^\d+$/.test(text) && index <= 0xffff_ffff) return index;
  throw new InvalidArgumentError("It must be a number from 0.");
}
