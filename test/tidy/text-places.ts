/** Where text from outside reaches a model, a log, a terminal or a person who decides, and what it passes there. */
export interface TextPlace {
  readonly what: string;
  readonly file: string;
  /** Found in the file: the function that cleans, where it is used. */
  readonly by: RegExp;
}

/** SECURITY.md shows the same list. */
export const textPlaces: readonly TextPlace[] = [
  {
    what: "what a model is told: instructions, prompt, data, tools, what tools gave",
    file: "coordinator/src/agents/agent-loop.ts",
    by: /JSON\.stringify\(clean\(requestOf\(/,
  },
  {
    what: "what a model answers",
    file: "coordinator/src/agents/agent-loop.ts",
    by: /const value = clean\(jsonOf\(text\)\)/,
  },
  {
    what: "the arguments that a model gives a tool",
    file: "coordinator/src/agents/agent-loop.ts",
    by: /argumentsOf\(tool, clean\(/,
  },
  {
    what: "what gives scripts, the loop of agents among them, their `clean`",
    file: "node-agent/src/script/run-script.ts",
    by: /clean: cleanValue/,
  },
  {
    what: "the coordinator's log and standard error",
    file: "coordinator/src/main.ts",
    by: /neutraliseLines\(text\)[\s\S]*standardError\.write\(cleanText\(line\)\)/,
  },
  {
    what: "the gateway's log and standard error",
    file: "gateway/src/main.ts",
    by: /standardError\.write\(cleanText\(line\)\)/,
  },
  {
    what: "the agent's log and terminal",
    file: "node-agent/src/clean-output.ts",
    by: /writeOut\(neutraliseLines\(text\)\)[\s\S]*writeError\(neutraliseLines\(text\)\)/,
  },
  {
    what: "tables of the command line",
    file: "gateway/console/cli/table.ts",
    by: /neutralise\(cell/,
  },
  {
    what: "progress and errors of the command line",
    file: "gateway/console/cli/output.ts",
    by: /writeProgress\(`\$\{neutraliseLines\(text\)\}/,
  },
  {
    what: "step logs on the command line",
    file: "gateway/console/cli/commands/logs.ts",
    by: /neutraliseLines\(text\)/,
  },
  {
    what: "the command line's terminal, whatever a command writes",
    file: "gateway/console/cli/main.ts",
    by: /stdout\.isTTY \? cleanTerminal\(text\)[\s\S]*stderr\.write\(cleanTerminal\(text\)\)/,
  },
  {
    what: "the terminal of `npm start`: results",
    file: "deploy/src/start/example.ts",
    by: /stdout\.write\(`\$\{cleanTerminal\(line\)\}/,
  },
  {
    what: "the terminal of `npm start`: progress",
    file: "deploy/src/start/main.ts",
    by: /stderr\.write\(`\$\{cleanTerminal\(line\)\}/,
  },
  {
    what: "what an approval asks, also in the messages that tell of it",
    file: "coordinator/src/scheduler/begin-own.ts",
    by: /neutraliseLines\(typeof asked/,
  },
  {
    what: "what one who decides says",
    file: "coordinator/src/scheduler/decide-approval.ts",
    by: /neutraliseLines\(said\)/,
  },
  {
    what: "why a broker refused a message",
    file: "coordinator/src/scheduler/decide-published.ts",
    by: /neutralise\(published\.refusal/,
  },
  {
    what: "excerpts of files in problems",
    file: "coordinator/src/workflow/excerpt.ts",
    by: /neutralise\(text/,
  },
];

/** Files that may write to a terminal or a log, since what they write is listed above or is their own. */
export const writers: Readonly<Record<string, string>> = {
  "coordinator/src/main.ts": "listed",
  "gateway/src/main.ts": "listed",
  "gateway/console/cli/main.ts": "listed",
  "deploy/src/start/example.ts": "listed",
  "deploy/src/start/main.ts": "listed",
  "node-agent/node/host.ts": "beneath node-agent/src/clean-output.ts",
  "deploy/examples/maintenance/main.ts": "one line of its own",
};
