/** The part of the vault that keeps the coordinator's own keys. */
export interface InternalSecrets {
  /** What is kept under the name; made, and kept from then on, when there is nothing yet. */
  internal(name: string, make: () => Buffer): Buffer;
}
