/** How far a clone has come. */
export interface CloneProgress {
  readonly store: 'mongo' | 'redis';
  /** What is being copied: `db.collection`, or `db0`. */
  readonly scope: string;
  /** Documents or keys copied so far, over all scopes of this store. */
  readonly items: number;
  /** Documents or keys there were at the start (an estimate where others write meanwhile). */
  readonly totalItems: number;
  /** Bytes of documents or of dumped values so far. */
  readonly bytes: number;
}

/** What was copied, and what the copy cannot promise. */
export interface CloneSummary {
  readonly items: number;
  readonly bytes: number;
  /** For people, one sentence each: what is not copied, or not from one moment. */
  readonly caveats: readonly string[];
}

export interface CloneOptions {
  readonly signal: AbortSignal;
  /** Told after each batch. What it throws ends the clone. */
  readonly onProgress?: (progress: CloneProgress) => void;
}
