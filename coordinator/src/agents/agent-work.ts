import { ExpressionError, type Variables } from "@cohort/proto/expression";
import type { Agent } from "@cohort/proto/resources/agent";
import type { CompiledStep } from "../workflow/compile.ts";
import type { AgentTask } from "./agent-loop.ts";
import { agentLimits } from "./limits.ts";

/** Agents by name, in the versions that a run keeps. */
export type Agents = ReadonlyMap<string, Agent>;

/** What the agent's loop is told, with the step's expressions evaluated. Throws ExpressionError. */
export function agentTask(agents: Agents, step: CompiledStep, variables: Variables): AgentTask {
  const agent = agentOf(agents, step);
  const { service, path, model, instructions, temperature = null, tools } = agent;
  const prompt = step.prompt?.evaluate(variables);
  const text = typeof prompt === "string" ? prompt : JSON.stringify(prompt);
  if (text === undefined) throw new ExpressionError("the value is none that JSON has", 0);
  return {
    ...{ service, path, model, instructions, temperature, tools },
    prompt: text,
    data: step.with.evaluate(variables) as Record<string, unknown>,
    answer: step.definition.outputs?.types ?? null,
    maxTurns: agent.max_turns,
    maxOutputTokens: agent.max_output_tokens,
    limits: agentLimits,
  };
}

/** Services that an attempt may call: those that the step names, or its agent and the agent's tools. */
export function servicesFor(agents: Agents, step: CompiledStep): readonly string[] {
  if (step.kind !== "agent") return step.definition.grants.services;
  const { service, tools } = agentOf(agents, step);
  return [...new Set([service, ...tools.map(({ call }) => call.service)])];
}

/** What is applied is never taken away, so that an agent that was checked is there. */
function agentOf(agents: Agents, { definition: { agent: name = "" } }: CompiledStep): Agent {
  const agent = agents.get(name);
  if (agent === undefined) throw new Error(`the run has no agent ${name}`);
  return agent;
}
