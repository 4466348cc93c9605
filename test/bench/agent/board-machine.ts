import { statSync } from "node:fs";
import { agentPath } from "@cohort/deploy/setup/agent.mjs";
import { Board, hostAddress } from "../../board/kit/board.ts";
import { agentMemory, joinBoard, stopAgent, timedStart } from "../../board/kit/board-agent.ts";
import { file } from "../../board/kit/cpio.ts";
import type { BoardArch } from "../../board/kit/processors.mjs";
import { TestMesh } from "../../kit/mesh.ts";
import { buildSandboxStart, type Machine, node, parseStarts } from "./machine.ts";
import { Relay } from "./relay.ts";

/** An agent on an emulated board with 128 MB. */
export async function boardMachine(arch: BoardArch): Promise<Machine> {
  const mesh = await TestMesh.start({ hosts: [hostAddress] });
  const board = await Board.start({
    arch,
    name: node,
    files: [file("bin/sandbox-start", await buildSandboxStart(arch), 0o755)],
  });
  await joinBoard(mesh, board);
  await stopAgent(board);
  const relay = await Relay.open(mesh.ports.nats);
  await board.sh(`sed -i 's/:${mesh.ports.nats}"/:${relay.port}"/g' /data/agent/identity.json`);
  return {
    arch,
    mesh,
    binaryBytes: statSync(agentPath(arch)).size,
    start: () => timedStart(board),
    stop: () => stopAgent(board),
    residentBytes: async () => (await agentMemory(board)).resident,
    socketBytes: () => relay.bytes,
    sandboxStarts: async () => parseStarts(await board.sh("sandbox-start")),
    async close() {
      await board.stop();
      relay.close();
      await mesh.stop();
    },
  };
}
