import { SmallAbortController } from "./abort.ts";
import { HostPortUrl } from "./url.ts";

/** What nats-core and the agent use and QuickJS lacks. Import it before anything else. */
const scope = globalThis as unknown as Record<string, unknown>;
scope["URL"] ??= HostPortUrl;
scope["AbortController"] ??= SmallAbortController;
