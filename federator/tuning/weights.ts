import type { Loss } from './loss.js';

/** Shares of the edge's traffic by cluster, in proportion; 1 where nothing is said, which is the greatest. */
export type Weights = Readonly<Record<string, number>>;

/**
 * How a cluster's losses stand to the mean of all, whatever config it runs: a slower machine, a noisy neighbour. Comparing
 * configs without it, what differs by the configs shows sooner. What is subtracted from a block's losses was known before
 * the block, so that the draw of the block is as fair as without.
 */
export type Baselines = Readonly<Record<string, Loss & { readonly blocks: number }>>;

/** What was so many blocks ago hardly counts: machines get neighbours, and lose them. */
const MEMORY_BLOCKS = 8;

/** Less than this share of the others' traffic tells too little of whether a cluster is well again. */
const LEAST_WEIGHT = 1 / 16;

/** Shares that differ less are the same. */
const LEAST_RATIO = 1.1;

/** Losses without the clusters' own part. Pure. */
export function withoutBaselines(
  losses: ReadonlyMap<string, Loss>,
  baselines: Baselines,
): ReadonlyMap<string, Loss> {
  return new Map(
    [...losses].map(([name, { wait, cost, both }]) => {
      const own = baselines[name];
      if (own === undefined) return [name, { wait, cost, both }];
      return [name, { wait: wait - own.wait, cost: cost - own.cost, both: both - own.both }];
    }),
  );
}

/** Baselines after a block. Pure. */
export function nextBaselines(before: Baselines, losses: ReadonlyMap<string, Loss>): Baselines {
  const all = [...losses.values()];
  const mean = (of: keyof Loss): number => all.reduce((sum, loss) => sum + loss[of], 0) / all.length;
  const [wait, cost, both] = [mean('wait'), mean('cost'), mean('both')];
  return Object.fromEntries(
    [...losses].map(([name, loss]) => {
      const own = before[name] ?? { wait: 0, cost: 0, both: 0, blocks: 0 };
      const blocks = own.blocks + 1;
      // At first what a config does cannot be told from what its cluster does: little is put down to the cluster.
      const share = 1 / Math.min(blocks + 2, MEMORY_BLOCKS);
      const next = {
        wait: own.wait + (loss.wait - wait - own.wait) * share,
        cost: own.cost + (loss.cost - cost - own.cost) * share,
        both: own.both + (loss.both - both - own.both) * share,
        blocks,
      };
      return [name, next];
    }),
  );
}

/**
 * Shares worth trying: less for a cluster by as much as clients wait longer there. Undefined where they would be as they
 * are, were tried already, or too little is known. Pure.
 */
export function nextWeights(
  now: Weights,
  baselines: Baselines,
  clusters: readonly string[],
  tried: readonly Weights[],
): Weights | undefined {
  if (clusters.some((name) => (baselines[name]?.blocks ?? 0) < MEMORY_BLOCKS)) return undefined;
  const plain = clusters.map((name): [string, number] => [
    name,
    (now[name] ?? 1) * Math.exp(-baselines[name]!.wait),
  ]);
  const most = Math.max(...plain.map(([, weight]) => weight));
  const next = Object.fromEntries(
    plain.map(([name, weight]) => [name, Math.max(LEAST_WEIGHT, weight / most)]),
  );
  return [now, ...tried].some((weights) => areAlike(weights, next, clusters)) ? undefined : next;
}

function areAlike(a: Weights, b: Weights, clusters: readonly string[]): boolean {
  return clusters.every((name) => {
    const ratio = (a[name] ?? 1) / (b[name] ?? 1);
    return Math.max(ratio, 1 / ratio) < LEAST_RATIO;
  });
}

/** Shares for people. */
export function weightsText(weights: Weights, clusters: readonly string[]): string {
  return clusters.map((name) => `${name} ${(weights[name] ?? 1).toFixed(2)}`).join(', ');
}
