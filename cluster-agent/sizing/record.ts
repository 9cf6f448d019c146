import { decide, type SizingPlan, type SizingState } from './decide.js';
import type { SizingConfig, SizingInput } from './input.js';

/** What is kept on disk is of one build's form; what is of another is learned, and told, anew. */
export const FORM = 4;

/** A decision as it is written down: all that it came from, as data. */
export interface SizingRecord {
  readonly before: SizingState;
  readonly input: SizingInput;
  readonly config: SizingConfig;
  readonly plan: SizingPlan;
}

/** What today's code decides on what was recorded. Pure. */
export function replay({
  before,
  input,
  config,
}: Pick<SizingRecord, 'before' | 'input' | 'config'>): SizingPlan {
  return decide(before, input, config).plan;
}
