import type { Comparison, Effort } from '../compare.js';
import type { LoadGenerator } from '../load.js';
import type { Spread } from '../statistics.js';

export interface EntryContext {
  /** A folder of this run's own, removed afterwards. */
  readonly folder: string;
  readonly load: LoadGenerator;
  readonly effort: Effort;
  /** Progress, for a person. */
  readonly say: (text: string) => void;
}

export interface EntryResult extends Comparison {
  readonly entry: string;
  readonly load: string;
  readonly effort: Effort;
  /** Durations that are no latencies of a load; ms. */
  readonly times?: readonly { readonly name: string; readonly ms: Spread }[];
  /** Figures that are no measurements of a load. */
  readonly tables?: readonly {
    readonly head: readonly string[];
    readonly rows: readonly (readonly string[])[];
  }[];
  /** What a reader must know: peers that are missing, parts that do not run here. */
  readonly notes: readonly string[];
}

/** One comparison that `npm run bench -- NAME` runs. */
export interface Entry {
  readonly name: string;
  readonly about: string;
  run(context: EntryContext): Promise<EntryResult>;
}
