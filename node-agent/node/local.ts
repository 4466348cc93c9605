import { HostError, type Local, type Socket } from "../src/host.ts";
import { Channel } from "./channel.ts";
import { socketPair } from "./socket-pair.ts";

/** What a test hears of what an agent tells its supervisor. */
export type OnNotify = (state: string) => void;

/** A machine's local sockets within this process, which is the only one on it. */
export function pretendedLocal(onNotify?: OnNotify): Local {
  const listeners = new Map<string, Channel<Socket>>();
  return {
    lock: () => true,
    listen(path) {
      const connections = new Channel<Socket>();
      listeners.set(path, connections);
      return {
        accept: () => connections.take(),
        close: () => {
          listeners.delete(path);
          connections.end();
        },
      };
    },
    connect(path) {
      const connections = listeners.get(path);
      if (connections === undefined) throw new HostError("ENOENT", `nobody listens at ${path}`);
      const [inside, outside] = socketPair();
      connections.put(outside);
      return inside;
    },
    notify(state) {
      onNotify?.(state);
      return onNotify !== undefined;
    },
  };
}
