import { z } from 'zod';
import { edgeWeights } from './state.js';
import type { TuningLook } from './tuner.js';
import { gainText, reasonOf, whatOf } from './words.js';

const pointSchema = z.record(z.string(), z.union([z.string(), z.number()]));

/** What the federation tells of tuning: API and CLI speak by this schema. Times in ms since 1970. */
export const tuningSchema = z.object({
  on: z.boolean(),
  /** Why nothing is done now. */
  hold: z.string().optional(),
  /** The best config so far, of what may be tuned. */
  best: pointSchema.nullable(),
  /** What may be tuned, for people. */
  space: z.record(z.string(), z.string()),
  trial: z
    .object({
      id: z.int(),
      what: z.string(),
      because: z.string(),
      /** Comparisons made, won by what is tried, and after how many it is not worth waiting any longer. */
      compared: z.int(),
      won: z.int(),
      budget: z.int(),
      /** What it takes to be certain, and how far it is: 1 is there. */
      certainty: z.number(),
      alpha: z.number(),
      gain: z.string(),
      phase: z.enum(['settling', 'measuring']),
      since: z.number(),
      challenging: z.array(z.string()),
      holding: z.array(z.string()),
    })
    .nullable(),
  restUntil: z.number().optional(),
  clusters: z.array(
    z.object({
      cluster: z.string(),
      config: pointSchema,
      /** Share of the edge's traffic, in proportion. */
      weight: z.number(),
      pinned: z.boolean(),
      notTuned: z.string().optional(),
    }),
  ),
  /** Whether there is something that `undo` would take back. */
  undoable: z.boolean(),
  /** Newest first. */
  steps: z.array(
    z.object({ id: z.int(), at: z.number(), kind: z.string(), what: z.string(), because: z.string() }),
  ),
});
export type TuningView = z.output<typeof tuningSchema>;

/** Steps that are told. */
const TOLD_STEPS = 50;

/** Pure. */
export function tuningView({ state, steps, clusters }: TuningLook): TuningView {
  const { trial, search, restUntil } = state;
  const weights = edgeWeights(state);
  const hold = state.on ? state.hold : 'tuning is off: federate tuning on';
  return {
    on: state.on,
    ...(hold === undefined ? {} : { hold }),
    best: search === undefined ? null : { ...search.best },
    space: Object.fromEntries(
      Object.entries(state.space).map(([key, dimension]) => [
        key,
        dimension.kind === 'list' ? dimension.values.join(', ') : `${dimension.least} to ${dimension.most}`,
      ]),
    ),
    trial:
      trial === undefined || search === undefined
        ? null
        : {
            id: trial.id,
            what: whatOf(trial.subject, state),
            because: reasonOf(trial.subject),
            compared: trial.compared,
            won: trial.better.wins,
            budget: trial.budget,
            certainty: Math.max(0, Math.min(1, trial.better.log / Math.log(1 / trial.alpha))),
            alpha: trial.alpha,
            gain: gainText(trial),
            phase: trial.block.phase,
            since: trial.block.since,
            challenging: [...trial.block.challenging],
            holding: [...trial.block.holding],
          },
    ...(restUntil === undefined ? {} : { restUntil }),
    clusters: clusters.map(({ name, point, notTuned }) => ({
      cluster: name,
      config: { ...point },
      weight: weights[name] ?? 1,
      pinned: state.pinned.includes(name),
      ...(notTuned === undefined ? {} : { notTuned }),
    })),
    undoable: state.earlier.length > 0,
    steps: steps
      .slice(-TOLD_STEPS)
      .reverse()
      .map((step) => ({ ...step })),
  };
}
