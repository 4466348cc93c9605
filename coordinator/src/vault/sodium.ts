import sodium from "libsodium-wrappers-sumo";

/** libsodium, loaded: its functions may be called at once by whoever imports this. */
await sodium.ready;
wipeFreedMemory((sodium as unknown as { readonly libsodium: WebAssemblyHeap }).libsodium);

export { sodium };

/** The same memory as a Buffer. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** What Emscripten lets JavaScript see of libsodium's memory. */
interface WebAssemblyHeap {
  readonly HEAPU8: Uint8Array;
  _malloc: (size: number) => number;
  _free: (pointer: number) => void;
}

/**
 * Every call copies its arguments, keys and plaintext among them, into WebAssembly's memory, and the
 * wrapper frees the copies without wiping them: they would stay for whoever takes a dump of the
 * heap. So what is freed is filled with zeros first. Throws when this libsodium does not allow it.
 */
function wipeFreedMemory(heap: WebAssemblyHeap): void {
  const { _malloc: allocate, _free: free } = heap;
  const sizes = new Map<number, number>();
  let wiped = 0;
  heap._malloc = (size) => {
    const pointer = allocate(size);
    sizes.set(pointer, size);
    return pointer;
  };
  heap._free = (pointer) => {
    heap.HEAPU8.fill(0, pointer, pointer + (sizes.get(pointer) ?? 0));
    if (sizes.delete(pointer)) wiped += 1;
    free(pointer);
  };
  sodium.crypto_generichash(32, "any call", null);
  if (wiped === 0) throw new Error("this libsodium does not let its memory be wiped");
}
