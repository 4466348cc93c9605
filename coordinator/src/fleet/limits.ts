export const fleetLimits = {
  labelsMax: 32,
  labelNameLengthMax: 63,
  labelValueLengthMax: 256,
  /** Refused attempts on one invite that are recorded; more are refused without an entry. */
  refusalsRecordedMax: 16,
} as const;
