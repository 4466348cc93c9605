/**
 * Stands in for @nats-io/nkeys in the native bundle, by the alias in `aliases.json`: what is under
 * it needs Node's crypto, weighs a third of nats-core, and is not used, since the host signs the
 * server's challenges itself.
 */
export {};
