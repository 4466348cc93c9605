/**
 * The loop of an `agent` step. It runs in the step's sandbox on a board, so that `agent-source.ts`
 * sends it there as text, function by function: it may import nothing but types, and what it needs
 * to know comes in its task. What the model and the tools say is data throughout.
 */

export interface AgentTask {
  readonly service: string;
  readonly path: string;
  readonly model: string;
  readonly instructions: string;
  readonly prompt: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly maxTurns: number;
  readonly maxOutputTokens: number;
  /** null: the service's own. */
  readonly temperature: number | null;
  readonly tools: readonly TaskTool[];
  /** Fields that the answer must have, with their types; null for any answer. */
  readonly answer: Readonly<Record<string, AnswerType>> | null;
  readonly limits: TaskLimits;
}

export type AnswerType = "string" | "number" | "boolean" | "json";

export interface TaskTool {
  readonly name: string;
  readonly description: string;
  readonly parameters: {
    readonly properties: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
    readonly required: readonly string[];
  };
  readonly call: {
    readonly service: string;
    readonly method: string;
    readonly path: string;
    readonly json?: unknown;
  };
}

export interface TaskLimits {
  readonly requestLengthMax: number;
  readonly answerLengthMax: number;
  readonly toolAnswerLengthMax: number;
  readonly toolCallsMax: number;
  readonly excerptLengthMax: number;
  readonly retryMs: number;
  readonly retryMsMax: number;
}

/** Of a script's context, what the loop needs. */
export interface AgentContext {
  readonly with: AgentTask;
  readonly fetch: (address: string, request: ServiceRequest) => Promise<ServiceAnswer>;
  readonly sleep: (ms: number) => Promise<void>;
  /** Takes out of every text of a JSON value what nobody sees. */
  readonly clean: (value: unknown) => unknown;
  readonly log: (...values: unknown[]) => void;
}

interface ServiceRequest {
  readonly method: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

interface ServiceAnswer {
  readonly status: number;
  readonly ok: boolean;
  readonly headers: Readonly<Record<string, string>>;
  text(): Promise<string>;
}

export interface AgentOutput {
  readonly text: string;
  /** The text's value where it is JSON, null otherwise. */
  readonly json: unknown;
  readonly turns: number;
  readonly usage: { prompt_tokens: number; completion_tokens: number };
}

type Fields = Readonly<Record<string, unknown>>;

interface ToolCall {
  readonly id: string;
  readonly type: "function";
  readonly function: { readonly name: string; readonly arguments: string };
}

/**
 * Asks the model, carries out the calls that it asks for, and so on until it answers. Where the answer
 * must have fields it is the output itself, and a model that leaves one out is told so.
 */
export async function runAgent(context: AgentContext): Promise<AgentOutput | Fields> {
  const { with: task, log, clean } = context;
  const usage = { prompt_tokens: 0, completion_tokens: 0 };
  const messages: unknown[] = [
    { role: "system", content: instructionsOf(task) },
    { role: "user", content: questionOf(task) },
  ];
  for (let turn = 1; turn <= task.maxTurns; turn++) {
    const answer = await askModel(context, messages);
    addUsage(usage, answer["usage"]);
    const { content, calls } = messageOf(answer, task);
    if (calls.length === 0) {
      if (task.answer === null) {
        return { text: content, json: clean(jsonOf(content)), turns: turn, usage };
      }
      const value = clean(jsonOf(withoutFence(content)));
      const fault = faultOf(value, task.answer);
      if (fault === null) return value as Fields;
      if (turn === task.maxTurns) throw new Error(`the agent's answer ${fault}`);
      log(`turn ${turn}: the answer ${fault}`);
      messages.push({ role: "assistant", content });
      messages.push({ role: "user", content: `Your answer ${fault}. Answer again.` });
      continue;
    }
    // What the calls of the last turn give, the model could not be told.
    if (turn === task.maxTurns) break;
    messages.push({ role: "assistant", content, tool_calls: calls });
    for (const [at, call] of calls.entries()) {
      const told = at < task.limits.toolCallsMax ? await useTool(context, call) : tooMany(task);
      log(`turn ${turn}: ${JSON.stringify(call.function.name)} gave ${told.length} characters`);
      messages.push({ role: "tool", tool_call_id: call.id, content: told });
    }
  }
  throw new Error(`the agent used up its ${task.maxTurns} turns without an answer`);
}

function instructionsOf({ instructions, answer }: AgentTask): string {
  if (answer === null) return instructions;
  const fields = Object.entries(answer).map(([name, type]) => `${name} (${type})`);
  const asked = "Answer with one JSON object and nothing else. It must have these fields:";
  return `${instructions}\n\n${asked} ${fields.join(", ")}.`;
}

/** Models like to put JSON between marks of Markdown. */
function withoutFence(text: string): string {
  return /^\s*```(?:json)?\s*\n([\s\S]*?)\n\s*```\s*$/.exec(text)?.[1] ?? text;
}

/** What an answer lacks, null for nothing. */
function faultOf(value: unknown, answer: NonNullable<AgentTask["answer"]>): string | null {
  if (!isObject(value)) return "is not a JSON object";
  for (const [name, type] of Object.entries(answer)) {
    if (!Object.hasOwn(value, name)) return `has no field ${name}`;
    if (type !== "json" && !hasType(value[name], type)) return `has a ${name} that is no ${type}`;
  }
  return null;
}

function questionOf({ prompt, data }: AgentTask): string {
  return Object.keys(data).length === 0 ? prompt : `${prompt}\n\n${JSON.stringify(data)}`;
}

/** One chat completion; where the service is busy or broken, asked once more. */
async function askModel(context: AgentContext, messages: readonly unknown[]): Promise<Fields> {
  const { with: task, fetch, sleep, clean } = context;
  // The one way to the model, and below the one way back.
  const body = JSON.stringify(clean(requestOf(task, messages)));
  if (body.length > task.limits.requestLengthMax) {
    throw new Error("what the agent and its tools have said is more than one request can hold");
  }
  const headers = { "content-type": "application/json" };
  const ask = () => fetch(`${task.service}:${task.path}`, { method: "POST", headers, body });
  let answer = await ask();
  if (answer.status === 429 || answer.status >= 500) {
    await sleep(retryDelay(answer.headers["retry-after"], task.limits));
    answer = await ask();
  }
  const text = await answer.text();
  if (!answer.ok) {
    // A program's last line becomes the step's message.
    const excerpt = String(clean(text.slice(0, task.limits.excerptLengthMax))).replace(/\s+/g, " ");
    throw new Error(`service ${task.service} answered the agent ${answer.status}: ${excerpt}`);
  }
  if (text.length > task.limits.answerLengthMax) {
    throw new Error(`the model's answer is longer than ${task.limits.answerLengthMax} characters`);
  }
  const value = clean(jsonOf(text));
  if (!isObject(value)) throw new Error("the model's answer is not a JSON object");
  return value;
}

function requestOf(task: AgentTask, messages: readonly unknown[]): object {
  const tools = task.tools.map(({ name, description, parameters }) => ({
    type: "function",
    function: { name, description, parameters },
  }));
  return {
    model: task.model,
    messages,
    max_tokens: task.maxOutputTokens,
    ...(task.temperature === null ? {} : { temperature: task.temperature }),
    ...(tools.length === 0 ? {} : { tools }),
  };
}

/** Retry-After in seconds (RFC 9110, section 10.2.3); its dates need a clock that boards may lack. */
function retryDelay(after: string | undefined, { retryMs, retryMsMax }: TaskLimits): number {
  const seconds = /^\d{1,9}$/.test(after ?? "") ? Number(after) : retryMs / 1000;
  return Math.min(seconds * 1000, retryMsMax);
}

function addUsage(sum: AgentOutput["usage"], usage: unknown): void {
  if (!isObject(usage)) return;
  for (const key of ["prompt_tokens", "completion_tokens"] as const) {
    const count = usage[key];
    if (Number.isSafeInteger(count) && (count as number) >= 0) sum[key] += count as number;
  }
}

/** The first choice: a text, or calls that the model asks for. */
function messageOf(answer: Fields, task: AgentTask): { content: string; calls: ToolCall[] } {
  const choices = answer["choices"];
  const choice: unknown = Array.isArray(choices) ? choices[0] : undefined;
  const message = isObject(choice) ? choice["message"] : undefined;
  if (!isObject(choice) || !isObject(message)) throw new Error("the model answered no choices");
  if (choice["finish_reason"] === "length") {
    throw new Error(`the model's answer was cut off at ${task.maxOutputTokens} tokens`);
  }
  const asked = message["tool_calls"] ?? [];
  if (!Array.isArray(asked)) throw new Error("the model's tool calls are malformed");
  const content = message["content"] ?? "";
  if (typeof content !== "string") throw new Error("the model's answer is not a text");
  if (content === "" && asked.length === 0) throw new Error("the model answered nothing");
  return { content, calls: asked.map(toolCallOf) };
}

function toolCallOf(call: unknown): ToolCall {
  const asked = isObject(call) ? call["function"] : undefined;
  const id = isObject(call) ? call["id"] : undefined;
  const name = isObject(asked) ? asked["name"] : undefined;
  const given = isObject(asked) ? asked["arguments"] : undefined;
  if (typeof id !== "string" || typeof name !== "string" || typeof given !== "string") {
    throw new Error("the model's tool calls are malformed");
  }
  return { id, type: "function", function: { name, arguments: given } };
}

/** What the model is told of its call: `{ status, body }`, or `{ error }` where it was not made. */
async function useTool(
  { with: task, fetch, clean }: AgentContext,
  call: ToolCall,
): Promise<string> {
  const { name, arguments: given } = call.function;
  try {
    const tool = task.tools.find((it) => it.name === name);
    if (tool === undefined) {
      const names = task.tools.map((it) => it.name).join(", ");
      throw new Error(`there is no tool of this name; there are: ${names}`);
    }
    const { service, method, path, json } = tool.call;
    const args = argumentsOf(tool, clean(jsonOf(given === "" ? "{}" : given)));
    const address = `${service}:${fillPath(path, args)}`;
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify(fillJson(json, args));
    const answer = await fetch(
      address,
      body === undefined ? { method } : { method, headers, body },
    );
    // Before it becomes JSON, in which a control character would be spelt out.
    const text = String(clean(await answer.text()));
    const lengthMax = task.limits.toolAnswerLengthMax;
    const cut = text.length > lengthMax ? { truncated: true } : {};
    return JSON.stringify({ status: answer.status, body: text.slice(0, lengthMax), ...cut });
  } catch (error) {
    return JSON.stringify({ error: error instanceof Error ? error.message : String(error) });
  }
}

function tooMany({ limits }: AgentTask): string {
  return JSON.stringify({ error: `only ${limits.toolCallsMax} tools may be used in one turn` });
}

/** Arguments that have what the tool asks for; of their schemas `type` is checked. */
function argumentsOf({ parameters }: TaskTool, args: unknown): Fields {
  if (!isObject(args)) throw new Error("the arguments are not a JSON object");
  for (const name of parameters.required) {
    if (!Object.hasOwn(args, name)) throw new Error(`the argument ${name} is missing`);
  }
  for (const [name, { type }] of Object.entries(parameters.properties)) {
    if (!Object.hasOwn(args, name) || type === undefined) continue;
    const types: unknown[] = Array.isArray(type) ? type : [type];
    if (types.some((it) => hasType(args[name], it))) continue;
    throw new Error(`the argument ${name} is not of type ${types.join(" or ")}`);
  }
  return args;
}

function hasType(value: unknown, type: unknown): boolean {
  if (type === "array") return Array.isArray(value);
  if (type === "object") return isObject(value);
  if (type === "null") return value === null;
  if (type === "integer") return Number.isInteger(value);
  return typeof value === type;
}

/** Each argument stays within its segment, or its value of the query. */
function fillPath(path: string, args: Fields): string {
  const filled = fillText(path, args, (name, value) => {
    if (!["string", "number", "boolean"].includes(typeof value) || value === "") {
      throw new Error(`the argument ${name} must be a text, a number or a boolean`);
    }
    return encodeURIComponent(String(value));
  });
  const segments = (filled.split("?")[0] as string).split("/");
  if (segments.includes(".") || segments.includes("..")) {
    throw new Error("the arguments make another path");
  }
  return filled;
}

/** A text that is one reference alone becomes the value itself; undefined where there is none. */
function fillJson(value: unknown, args: Fields): unknown {
  if (Array.isArray(value)) return value.map((it) => fillJson(it, args));
  if (isObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, it]) => [key, fillJson(it, args)]));
  }
  if (typeof value !== "string") return value;
  const alone = /^\$\{\{\s*args\.(\w+)\s*\}\}$/.exec(value)?.[1];
  if (alone !== undefined) return Object.hasOwn(args, alone) ? args[alone] : undefined;
  return fillText(value, args, (_, it) =>
    typeof it === "string" ? it : (JSON.stringify(it) ?? ""),
  );
}

function fillText(
  text: string,
  args: Fields,
  write: (name: string, value: unknown) => string,
): string {
  return text.replace(/\$\{\{\s*args\.(\w+)\s*\}\}/g, (_, name: string) =>
    write(name, Object.hasOwn(args, name) ? args[name] : undefined),
  );
}

/** null for a text that is not JSON. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** All of the loop, for who sends it. */
export const agentFunctions = [
  runAgent,
  instructionsOf,
  withoutFence,
  faultOf,
  questionOf,
  askModel,
  requestOf,
  retryDelay,
  addUsage,
  messageOf,
  toolCallOf,
  useTool,
  tooMany,
  argumentsOf,
  hasType,
  fillPath,
  fillJson,
  fillText,
  jsonOf,
  isObject,
] as const;
