import "./polyfill/polyfill.ts";
import { runCommandLine } from "./command-line.ts";

/** Entry of the native binary: the C host has installed `__host`. */
const host = globalThis.__host;
if (host === undefined) throw new Error("__host is missing: this program runs in the agent's host");
void runCommandLine(host).then((status) => host.exit(status));
