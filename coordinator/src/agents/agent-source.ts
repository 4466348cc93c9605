import { agentFunctions, runAgent } from "./agent-loop.ts";

/** The agent's loop as the module of a script step: a board needs to know nothing of agents. */
export const agentSource = `${agentFunctions.map(String).join("\n\n")}

export default ${runAgent.name};
`;
