import { refuse } from "@cohort/proto/problem";
import type { Fields } from "./operation.ts";

/** Reads the fields of a request; whatever is left over or malformed is refused with USAGE. */
export class FieldReader {
  readonly #fields: Fields;
  readonly #known = new Set<string>(["do"]);
  readonly #faults: string[] = [];

  constructor(fields: Fields) {
    this.#fields = fields;
  }

  integer(name: string, min: number, max: number, fallback?: number): number {
    const value = this.#take(name) ?? fallback;
    const fits = typeof value === "number" && Number.isInteger(value) && value >= min;
    if (fits && value <= max) return value;
    this.#faults.push(`"${name}" must be a whole number from ${min} to ${max}`);
    return min;
  }

  choice<Value extends string | number>(
    name: string,
    values: readonly Value[],
    fallback?: Value,
  ): Value {
    const value = this.#take(name) ?? fallback;
    const found = values.find((it) => it === value);
    if (found !== undefined) return found;
    this.#faults.push(`"${name}" must be one of ${values.join(", ")}`);
    return values[0] as Value;
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.#take(name) ?? fallback;
    if (typeof value === "boolean") return value;
    this.#faults.push(`"${name}" must be true or false`);
    return fallback;
  }

  /** Bytes in hexadecimal digits. */
  bytes(name: string, lengthMin: number, lengthMax: number): Uint8Array {
    const value = this.#take(name) ?? (lengthMin === 0 ? "" : undefined);
    const bytes = typeof value === "string" ? fromHex(value) : null;
    if (bytes !== null && bytes.length >= lengthMin && bytes.length <= lengthMax) return bytes;
    const length = lengthMin === lengthMax ? lengthMin : `${lengthMin} to ${lengthMax}`;
    this.#faults.push(`"${name}" must be ${length} bytes in hexadecimal digits`);
    return new Uint8Array(0);
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#fields, name);
  }

  /** Throws USAGE for all that was wrong. */
  end(): void {
    const strange = Object.keys(this.#fields).filter((name) => !this.#known.has(name));
    const known = [...this.#known].filter((name) => name !== "do").join(", ");
    const hint = known === "" ? "It takes no field." : `It takes ${known}.`;
    const faults = [
      ...this.#faults,
      ...strange.map((name) => `"${name.slice(0, 40)}" is no field of it`),
    ];
    if (faults.length > 0) throw refuse("USAGE", faults.join("; "), { hint });
  }

  #take(name: string): unknown {
    this.#known.add(name);
    return Object.hasOwn(this.#fields, name) ? this.#fields[name] : undefined;
  }
}

/** null when it is none. */
function fromHex(text: string): Uint8Array | null {
  if (!/^(?:[0-9a-fA-F]{2})*$/.test(text)) return null;
  return Uint8Array.from(text.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Throws USAGE: the device has no such operation. */
export function noOperation(asked: unknown, known: readonly string[]): never {
  const text = typeof asked === "string" ? `"${asked.slice(0, 40)}"` : "nothing";
  throw refuse("USAGE", `"do" says ${text}`, { hint: `It takes ${known.join(", ")}.` });
}
