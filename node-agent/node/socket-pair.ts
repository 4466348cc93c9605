import type { Socket } from "../src/host.ts";
import { Channel } from "./channel.ts";

/** Two sockets in memory; what one writes the other reads. */
export function socketPair(): [Socket, Socket] {
  const there = new Channel<Uint8Array>();
  const back = new Channel<Uint8Array>();
  return [end(there, back), end(back, there)];
}

function end(incoming: Channel<Uint8Array>, outgoing: Channel<Uint8Array>): Socket {
  return {
    peerRoot: "",
    read: () => incoming.take(),
    write: async (bytes) => outgoing.put(bytes.slice()),
    close: () => {
      incoming.end();
      outgoing.end();
    },
  };
}
