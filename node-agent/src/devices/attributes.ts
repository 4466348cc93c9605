import type { DeviceAccess } from "./device-access.ts";

/** Text of an attribute of sysfs, without the end of its line. */
export async function readText({ devices, work }: DeviceAccess, path: string): Promise<string> {
  const bytes = await work(() => devices.readAttribute(path));
  return new TextDecoder().decode(bytes).trim();
}

/** NaN for what is no number, and for null. */
export async function readNumber(access: DeviceAccess, path: string | null): Promise<number> {
  const text = path === null ? "" : await readText(access, path);
  return text === "" ? Number.NaN : Number(text);
}

export async function writeText(
  { devices, work }: DeviceAccess,
  path: string,
  text: string,
): Promise<void> {
  await work(() => devices.writeAttribute(path, new TextEncoder().encode(text)));
}
