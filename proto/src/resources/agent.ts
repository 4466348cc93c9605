import * as z from "zod";
import { limits } from "../limits.ts";
import { httpMethods } from "./service/rules.ts";
import { name, templateValue } from "./values.ts";

const argumentName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be a name of letters, digits and _");

const path = z.string().max(limits.proxyPathBytesMax).regex(/^\//, 'must begin with "/"');

const parameters = z.strictObject({
  type: z.literal("object").default("object").describe("Arguments are one JSON object."),
  properties: z
    .record(
      argumentName,
      z.record(z.string(), z.json().meta({ id: "json" })).meta({ title: "JSON Schema" }),
    )
    .default({})
    .describe(
      "Arguments by name, each a JSON Schema for the model. Of it `type` is checked before the call.",
    ),
  required: z
    .array(argumentName)
    .default([])
    .describe("Arguments that the model must give; a call without them is not made."),
});

const tool = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be letters, digits, "_" and "-", at most 64')
    .describe("Name by which the model uses the tool, unique in the agent."),
  description: z.string().min(1).max(1000).describe("What the tool does, for the model."),
  parameters: parameters.prefault({}).describe("What arguments the tool takes, as JSON Schema."),
  call: z
    .strictObject({
      service: name.describe("Name of the `service` resource to call; its `allow` must cover it."),
      method: z.enum(httpMethods).default("GET").describe("HTTP method."),
      path: path.describe(
        "Path and query below the service's `base_url`. `${{ args.NAME }}` stands for a required argument, percent-encoded, so that it can add neither segment nor query.",
      ),
      json: templateValue
        .optional()
        .describe(
          "Body, sent as JSON. `${{ args.NAME }}` stands for an argument, and a text of it alone becomes the argument's value; no other expression is possible. Left out, the call has none.",
        ),
    })
    .describe(
      "Call that using the tool makes, through the coordinator. The model sees nothing of it.",
    ),
});

/** `kind: agent`: a language model with instructions, and the calls that it may make. */
export const agent = z
  .strictObject({
    kind: z.literal("agent").describe("The kind of resource: `agent`."),
    name: name.describe("Name of the agent; to apply another of this name is to change this one."),
    description: z.string().max(1000).optional().describe("What the agent is for, for people."),
    service: name.describe(
      "Name of the `service` resource that serves the model over the OpenAI chat-completions API.",
    ),
    path: path
      .default("/v1/chat/completions")
      .describe("Path of that API below the service's `base_url`."),
    model: z.string().min(1).max(200).describe("Name of the model, as the service knows it."),
    instructions: z
      .string()
      .min(1)
      .max(limits.agentInstructionsLengthMax)
      .describe(
        "System message. It holds no expression: values come by the step's `prompt` and `with`.",
      ),
    max_turns: z
      .int()
      .min(1)
      .max(limits.agentTurnsMax)
      .default(8)
      .describe("How often the model is asked in one attempt; without an answer by then it fails."),
    max_output_tokens: z
      .int()
      .min(1)
      .max(limits.agentOutputTokensMax)
      .default(1024)
      .describe(
        "Most tokens of one answer, sent as `max_tokens`; an answer cut off there fails the step.",
      ),
    temperature: z
      .number()
      .min(0)
      .max(2)
      .optional()
      .describe("Sampling temperature; left out, the service's own."),
    tools: z
      .array(tool)
      .max(limits.agentToolsMax)
      .default([])
      .describe("Calls that the model may ask for; a step of the agent can make no others."),
  })
  .describe("A language model with instructions and tools, which steps ask by its name.");

export type Agent = z.infer<typeof agent>;
export type AgentTool = z.infer<typeof tool>;
