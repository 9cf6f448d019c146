import { NONE, POOR, SPACE, TRADE_OFF, USUAL } from '../tuning/effects.js';
import { leastLoss, run, type Ran, type WorldOptions } from '../tuning/world.js';
import { spreadOf } from '../statistics.js';
import type { Entry, EntryContext, EntryResult } from './entry.js';

const WORLD = { space: SPACE, alpha: 0.05, costWeight: 0.5, noise: 0.05 };
const DAYS = 4;
/** Seeds of one row where nothing makes a difference, and where something does. */
const ALIKE_RUNS = 200;
const BETTER_RUNS = 20;

/** How long a deviation lasts, s: shorter than a block, and many blocks. */
const MEMORIES = [30, 1800] as const;

const named = (count: number, slower: number): WorldOptions['clusters'] =>
  Array.from({ length: count }, (_, i) => ({
    name: `c${i}`,
    point: i === 0 ? POOR : USUAL,
    slower: i === 1 ? slower : 0,
  }));

function runs(count: number, options: Omit<WorldOptions, 'seed'>): Ran[] {
  return Array.from({ length: count }, (_, seed) => run({ ...options, seed }));
}

async function alike({ say }: EntryContext): Promise<string[][]> {
  const rows: string[][] = [];
  for (const [clusters, slower] of [
    [2, 0],
    [2, 0.4],
    [3, 0],
    [4, 0.4],
  ] as const)
    for (const memorySeconds of MEMORIES) {
      const all = runs(ALIKE_RUNS, {
        ...WORLD,
        ...{ clusters: named(clusters, slower), effect: NONE, memorySeconds, hours: 24 * DAYS },
      });
      const moved = all.filter(({ steps }) => steps.some(({ kind }) => kind === 'taken')).length;
      const trials = all.reduce((sum, { state }) => sum + state.trials, 0);
      rows.push([
        `${clusters} clusters${slower > 0 ? ', one slower' : ''}, noise lasts ${memorySeconds} s`,
        (trials / ALIKE_RUNS).toFixed(0),
        `${((100 * moved) / ALIKE_RUNS).toFixed(1)}%`,
      ]);
      say(`tuning: ${clusters} clusters that are alike, noise lasts ${memorySeconds} s`);
    }
  return rows;
}

async function better({ say }: EntryContext): Promise<string[][]> {
  const rows: string[][] = [];
  const least = leastLoss({ ...WORLD, effect: TRADE_OFF });
  const untuned = named(2, 0).map(({ point }) => {
    const { cost, wait } = TRADE_OFF(point);
    return (Math.log(cost) + Math.log(wait)) / 2 - least;
  });
  const percent = (log: number): string => `${((Math.exp(log) - 1) * 100).toFixed(1)}%`;
  for (const clusters of [2, 4])
    for (const memorySeconds of MEMORIES) {
      const all = runs(BETTER_RUNS, {
        ...WORLD,
        ...{ clusters: named(clusters, 0), effect: TRADE_OFF, memorySeconds, hours: 24 * DAYS },
      });
      const first = all.map(({ steps }) => steps.find(({ kind }) => kind === 'taken')?.at ?? Infinity);
      const hours = all.map(({ hoursToBest }) => hoursToBest ?? Infinity);
      const wrong = all.flatMap(({ steps }) => steps.filter(({ kind }) => kind === 'taken')).length;
      rows.push([
        `${clusters} clusters, noise lasts ${memorySeconds} s`,
        (spreadOf(first).median / 3_600_000).toFixed(1),
        spreadOf(hours).median === Infinity ? `over ${24 * DAYS}` : spreadOf(hours).median.toFixed(1),
        (wrong / BETTER_RUNS).toFixed(1),
        percent(spreadOf(all.map(({ regret }) => regret)).median),
        percent(untuned.reduce((sum, loss) => sum + loss, 0) / untuned.length),
      ]);
      say(`tuning: ${clusters} clusters, a better config, noise lasts ${memorySeconds} s`);
    }
  return rows;
}

async function entry(context: EntryContext): Promise<EntryResult> {
  return {
    entry: 'tuning',
    load: `simulated clusters over ${DAYS} days, the core that tunes a federation; medians over ${BETTER_RUNS} seeds, shares of ${ALIKE_RUNS}`,
    effort: context.effort,
    figures: [],
    ratios: [],
    tables: [
      {
        head: ['nothing makes a difference', 'trials a run', 'runs with a false move'],
        rows: await alike(context),
      },
      {
        head: [
          'a better config is there',
          'hours to the better of two',
          'hours to within 2% of the best',
          'moves a run',
          'above the best, in the mean',
          'above the best, untuned',
        ],
        rows: await better(context),
      },
    ],
    notes: [`declared: at most ${WORLD.alpha * 100}% of runs make a false move, however long they last`],
  };
}

export const tuningEntry: Entry = {
  name: 'tuning',
  about:
    'which configs clusters get: how soon a better one is found, and moves where none is better, simulated',
  run: entry,
};
