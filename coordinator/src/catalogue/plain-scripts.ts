import type { Problem } from "@cohort/proto/problem";
import type { Phase, Workflow, WorkflowStep } from "@cohort/proto/resources/workflow";
import { build, type Message, type Plugin, type TransformFailure, transform } from "esbuild";
import type { Path, Source } from "../workflow/source.ts";

/**
 * The workflow with its scripts as nodes run them: JavaScript, of which types were stripped. What does
 * not parse, or imports anything, goes to `problems`, with its place in the file.
 */
export async function withPlainScripts(
  workflow: Workflow,
  source: Source,
  problems: Problem[],
): Promise<Workflow> {
  const plain = async (phase: Phase) => {
    const steps = [...workflow[phase]];
    const scripts = steps.flatMap((step, at) =>
      step.script === undefined ? [] : [{ step, script: step.script, at }],
    );
    await Promise.all(
      scripts.map(async ({ step, script, at }) => {
        steps[at] = await withPlainScript(step, script, [phase, at, "script"], source, problems);
      }),
    );
    return steps;
  };
  return {
    ...workflow,
    steps: await plain("steps"),
    on_failure: await plain("on_failure"),
    finally: await plain("finally"),
  };
}

async function withPlainScript(
  step: WorkflowStep,
  script: string,
  path: Path,
  source: Source,
  problems: Problem[],
): Promise<WorkflowStep> {
  try {
    const { code } = await transform(script, {
      loader: "ts",
      format: "esm",
      target: "es2022",
      logLevel: "silent",
    });
    // Rarely so; types that are imported are gone already.
    if (/\b(?:import|from|require)\b/.test(code)) await refuseImports(script);
    return { ...step, script: code };
  } catch (error) {
    const { errors = [] } = error as Partial<TransformFailure>;
    if (errors.length === 0) throw error;
    problems.push(...errors.map((it) => problemOf(it, path, source)));
    return step;
  }
}

/** Throws a failure for each module that the script would load, at its place. */
async function refuseImports(script: string): Promise<void> {
  const refusing: Plugin = {
    name: "no-modules",
    setup: (it) =>
      it.onResolve({ filter: /.*/ }, ({ path }) => ({
        errors: [{ text: `a script has no modules: ${JSON.stringify(path)} cannot be imported` }],
      })),
  };
  await build({
    stdin: { contents: script, loader: "ts" },
    ...{ bundle: true, write: false, format: "esm", platform: "neutral", logLevel: "silent" },
    plugins: [refusing],
  });
}

function problemOf({ text, location }: Message, path: Path, source: Source): Problem {
  if (location === null) return source.problemAt(path, "SCRIPT_SYNTAX", text);
  const { line, lineText } = location;
  // esbuild counts bytes of UTF-8, from 0.
  const before = Buffer.from(lineText).subarray(0, location.column).toString();
  const place = { line, column: before.length + 1 };
  return source.problemInside(path, place, "SCRIPT_SYNTAX", text);
}
