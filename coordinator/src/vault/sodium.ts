import sodium from "libsodium-wrappers-sumo";

/** libsodium, loaded: its functions may be called at once by whoever imports this. */
await sodium.ready;

export { sodium };

/** The same memory as a Buffer. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
