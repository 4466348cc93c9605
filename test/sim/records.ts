/** What `history.ts` keeps of what the log says. */
export interface AttemptRecord {
  readonly node: string;
  state: "scheduled" | "accepted" | "started" | "ended";
}

export interface RunRecord {
  readonly steps: Map<string, "planned" | "ended">;
  /** The latest attempt by "step[instance]". */
  readonly latest: Map<string, number>;
  ended: string | null;
  /** Outcomes by step, and outputs of its instances, as far as they were recorded. */
  readonly outcomes: Map<string, string>;
  readonly outputs: Map<string, string>;
  readonly retryOf: string;
  paused: boolean;
  /** Its concurrency group, "" for none. */
  readonly group: string;
  readonly groupMax: number;
  /** For its place. */
  waits: boolean;
}
