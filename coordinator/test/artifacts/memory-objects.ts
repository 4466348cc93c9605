import { refuse } from "@cohort/proto/problem";
import type { ObjectStore } from "../../src/artifacts/keeper.ts";

/** An object store in memory, which can be away. */
export function memoryObjects() {
  const objects = new Map<string, Uint8Array>();
  const state = { away: false };
  const check = () => {
    if (state.away) throw refuse("ARTIFACT_STORE_UNAVAILABLE", "away");
  };
  const store: ObjectStore = {
    async put(name, content) {
      check();
      const pieces: Uint8Array[] = [];
      for await (const piece of content) pieces.push(piece);
      objects.set(name, Buffer.concat(pieces));
    },
    async get(name) {
      check();
      const bytes = objects.get(name);
      if (bytes === undefined) return null;
      return (async function* () {
        for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7);
      })();
    },
    async remove(name) {
      check();
      objects.delete(name);
    },
    async list() {
      check();
      return [...objects.keys()];
    },
  };
  return { objects, state, store };
}
