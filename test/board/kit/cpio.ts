/** One entry of an archive; folders on the way to it are made where no entry names them. */
export interface Entry {
  /** Without a slash at its start. */
  readonly path: string;
  readonly mode: number;
  readonly bytes?: Uint8Array;
  /** Of a device node: major, minor. */
  readonly device?: readonly [number, number];
}

export const folder = (path: string): Entry => ({ path, mode: 0o040755 });
export const file = (path: string, bytes: Uint8Array | string, mode = 0o644): Entry => ({
  path,
  mode: 0o100000 | mode,
  bytes: Buffer.from(bytes),
});
export const link = (path: string, target: string): Entry => ({
  path,
  mode: 0o120777,
  bytes: Buffer.from(target),
});
export const characterDevice = (path: string, major: number, minor: number): Entry => ({
  path,
  mode: 0o020600,
  device: [major, minor],
});

/**
 * A cpio archive as the kernel unpacks it at start ("newc"):
 * https://docs.kernel.org/driver-api/early-userspace/buffer-format.html. Written here, since it holds
 * device nodes, which only root could lay out for the cpio program.
 */
export function packArchive(entries: readonly Entry[]): Buffer {
  const all = [...missingFolders(entries), ...entries];
  const parts = all.flatMap((entry, index) => pack(entry, index + 1));
  return Buffer.concat([...parts, ...pack({ path: "TRAILER!!!", mode: 0 }, 0)]);
}

function missingFolders(entries: readonly Entry[]): Entry[] {
  const named = new Set(entries.map(({ path }) => path));
  const missing = new Set<string>();
  for (const { path } of entries) {
    const names = path.split("/").slice(0, -1);
    names.forEach((_, index) => {
      const above = names.slice(0, index + 1).join("/");
      if (!named.has(above)) missing.add(above);
    });
  }
  return [...missing].sort().map(folder);
}

function pack({ path, mode, bytes = new Uint8Array(), device = [0, 0] }: Entry, inode: number) {
  const name = Buffer.from(`${path}\0`);
  const fields = [
    ...[inode, mode, 0, 0, 1, 0, bytes.length, 0, 0],
    ...[device[0], device[1], name.length, 0],
  ];
  const header = Buffer.from(`070701${fields.map(hexadecimal).join("")}`);
  return [padded(Buffer.concat([header, name])), padded(bytes)];
}

function hexadecimal(value: number): string {
  return value.toString(16).padStart(8, "0");
}

function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}
