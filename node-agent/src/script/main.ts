import { runScript } from "./run-script.ts";

/** Entry of a script step's process: the C host has installed `__script`. */
const host = globalThis.__script;
if (host === undefined) throw new Error("__script is missing: this program runs in a sandbox");
// The step's text is given the API alone.
Reflect.deleteProperty(globalThis, "__script");
void runScript(host).then((status) => host.exit(status));
