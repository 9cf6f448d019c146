/** What is known of how often nodes are lost. */
export interface Losses {
  /** Nodes that ended by themselves. */
  readonly count: number;
  /** Time that nodes were ready, all together, ms. */
  readonly nodeMs: number;
}

export const NO_LOSSES: Losses = { count: 0, nodeMs: 0 };

/** Before losses were seen: one a month and node. It weighs as much as one month of one node. */
const PRIOR_MS = 30 * 86_400_000;
/** A lost node is to be replaced, serving, within this, ms: what takes longer to start must wait ready. */
export const REPLACED_WITHIN_MS = 10_000;
/** As many as a config may ask for. */
const MOST_SPARES = 8;

/**
 * How many nodes are to wait, tested and without requests, for those that are lost. Losses come by themselves, so at any
 * moment the number that is lost and not yet replaced is Poisson with rate × nodes × readiness: as many spares as let it
 * be above them for no more than `share` of the time. Pure.
 */
export function sparesFor(
  losses: Losses,
  { nodes, readyMs, share }: { readonly nodes: number; readonly readyMs: number; readonly share: number },
): number {
  const rate = (losses.count + 1) / (losses.nodeMs + PRIOR_MS);
  const mean = rate * nodes * readyMs;
  let spares = readyMs > REPLACED_WITHIN_MS ? 1 : 0;
  while (spares < MOST_SPARES && poissonAbove(mean, spares) > share) spares += 1;
  return spares;
}

/** The chance of more than `most` where `mean` are expected. */
function poissonAbove(mean: number, most: number): number {
  let term = Math.exp(-mean);
  let below = term;
  for (let k = 1; k <= most; k += 1) below += term *= mean / k;
  return Math.max(0, 1 - below);
}
