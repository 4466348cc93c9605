import type { Check } from "../doctor.ts";

export function passed(name: string, detail: string): Check {
  return { name, ok: true, detail, remedy: "" };
}

export function failed(name: string, detail: string, remedy: string): Check {
  return { name, ok: false, detail, remedy };
}
