/** One thing that an agent needs of its machine. */
export interface Check {
  readonly name: string;
  /** A note is what works, and could be better. */
  readonly state: "ok" | "note" | "failed";
  /** What was found. */
  readonly detail: string;
  /** What to do about it; "" when all is well. */
  readonly remedy: string;
}

export function passed(name: string, detail: string): Check {
  return { name, state: "ok", detail, remedy: "" };
}

export function noted(name: string, detail: string, remedy: string): Check {
  return { name, state: "note", detail, remedy };
}

export function failed(name: string, detail: string, remedy: string): Check {
  return { name, state: "failed", detail, remedy };
}
