/**
 * Stands in for @nats-io/nkeys in the native bundle (an alias of esbuild's): it and the signature
 * library under it are a third of nats-core's size, and the host signs challenges itself.
 */
export {};
