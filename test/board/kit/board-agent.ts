import type { TestMesh } from "../../kit/mesh.ts";
import type { Board } from "./board.ts";

const data = "/data/agent";
const log = "/run/agent.log";
const pidFile = "/run/agent.pid";
/** In the cgroup that init delegates to it. */
const run = `echo $$ >/sys/fs/cgroup/agent/cgroup.procs; exec cohort-agent run --data ${data}`;
const launch = `setsid sh -c '${run}' >>${log} 2>&1 & echo $! >${pidFile}`;
/** On a busy machine an emulated board takes its time to shake hands. */
export const connectMsMax = 90_000;

/** Enrols the board under its name and starts its agent; resolves when it is connected. */
export async function joinBoard(
  mesh: TestMesh,
  board: Board,
  labels: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { nodes } = mesh.client;
  const { joinToken } = await mesh.client.call(nodes, nodes.invite, { name: board.name, labels });
  await board.sh(`COHORT_JOIN_TOKEN='${joinToken}' cohort-agent join --data ${data}`);
  await startAgent(mesh, board);
}

/** Starts the agent of a board that was enrolled; resolves when it is connected. */
export async function startAgent(mesh: TestMesh, board: Board): Promise<void> {
  await board.sh(launch);
  await boardIs(mesh, board, "connected").catch(async (error: unknown) => {
    throw new Error(`${board.name}: ${await agentLog(board)}`, { cause: error });
  });
}

/** The same by the board's own clock: ms from its start until it says that it is connected. */
export async function timedStart(board: Board): Promise<number> {
  const output = await board.sh(`
    : >${log}
    read began _ </proc/uptime
    ${launch}
    until grep -q "connected to" ${log}; do sleep 0.01; done
    read connected _ </proc/uptime
    echo "$began $connected"
  `);
  const [began = 0, connected = 0] = output.trim().split(" ").map(Number);
  return (connected - began) * 1000;
}

/** Resolves when it has ended: its zombie stays until the board's first process is told something more. */
export async function stopAgent(board: Board): Promise<void> {
  await board.sh(`
    pid=$(cat ${pidFile})
    kill $pid
    while grep -q '^State:.[^ZX]' /proc/$pid/status 2>&-; do sleep 0.1; done
  `);
}

export function boardIs(mesh: TestMesh, board: Board, state: string): Promise<void> {
  const { nodes } = mesh.client;
  return mesh.until(async () => {
    const reply = await mesh.client.call(nodes, nodes.list, {});
    return reply.nodes.some((node) => node.node === board.name && node.state === state);
  }, connectMsMax);
}

/** What the agent wrote since the board was powered on. */
export async function agentLog(board: Board): Promise<string> {
  return (await board.run(`tail -n 40 ${log}`)).output;
}

/** Resident memory of the agent, in bytes; of it, what is its own alone. */
export async function agentMemory(board: Board): Promise<{ resident: number; own: number }> {
  const status = await board.sh(`cat /proc/$(cat ${pidFile})/status`);
  const bytes = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) * 1024;
  return { resident: bytes("VmRSS"), own: bytes("RssAnon") };
}
