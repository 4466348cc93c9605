export const fleetLimits = {
  labelsMax: 32,
  labelNameLengthMax: 63,
  labelValueLengthMax: 256,
  /** Refused attempts on one invite that are recorded; more are refused without an entry. */
  refusalsRecordedMax: 16,
  /** Earlier processes of a node, so that one which is followed by another is known again. */
  instancesRememberedMax: 32,
  /** A node is asked to replace keys that are older, when it says hello next. */
  keyAgeMsMax: 90 * 24 * 60 * 60_000,
  /** Slots of a node that an operator may allow. */
  slotsMax: 1024,
  /** How long what runs on a node may go on at most when it is drained. */
  drainMsMax: 7 * 24 * 60 * 60_000,
} as const;
