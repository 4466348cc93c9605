import { HostError } from "../src/host.ts";

/** A Node system error as the host's: `code` is the errno name already. */
export function asHostError(error: unknown): HostError {
  if (error instanceof HostError) return error;
  const { code, message } = error as { code?: string; message?: string };
  return new HostError(code ?? "EUNKNOWN", message ?? String(error));
}

/** Runs a function of Node's and lets it throw HostErrors only. */
export function wrapped<Value>(act: () => Value): Value {
  try {
    return act();
  } catch (error) {
    throw asHostError(error);
  }
}
