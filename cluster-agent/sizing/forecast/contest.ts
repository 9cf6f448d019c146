/**
 * Which method to trust: each is charged, tick by tick, for what its own choice would have cost, and a challenger
 * replaces the one that is trusted only where it did better by more than chance on this cluster's last days.
 */
export interface Contest {
  /** The method that is trusted, by its place in the list; 0 is the baseline. */
  readonly trusted: number;
  /** Per method: its discounted advantage over the baseline in node-seconds, its square, and the ticks it was charged in. */
  readonly standings: readonly Standing[];
}

interface Standing {
  readonly sum: number;
  readonly squares: number;
  readonly weight: number;
}

/** Two standard errors: one step in forty is by chance, and the way back is as long (hysteresis). */
const SURE = 2;
/** Below so many ticks the error of a mean is itself a guess, and two of them mean nothing. */
const LEAST_TICKS = 20;

export function newContest(methods: number): Contest {
  return {
    trusted: 0,
    standings: Array.from({ length: methods }, () => ({ sum: 0, squares: 0, weight: 0 })),
  };
}

/** After a tick in which the methods' choices cost so much; undefined: that method could not tell. The baseline always can. */
export function charge(contest: Contest, costs: readonly (number | undefined)[], keep: number): Contest {
  const standings = contest.standings.map((standing, i): Standing => {
    const cost = costs[i];
    if (cost === undefined) return standing;
    const won = costs[0]! - cost;
    return {
      sum: standing.sum * keep + won,
      squares: standing.squares * keep + won ** 2,
      weight: standing.weight * keep + 1,
    };
  });
  return { trusted: trustedOf(contest.trusted, standings, costs), standings };
}

function trustedOf(
  trusted: number,
  standings: readonly Standing[],
  costs: readonly (number | undefined)[],
): number {
  // One that can no longer tell cannot be trusted, however well it did.
  let best = costs[trusted] === undefined ? 0 : trusted;
  for (const [i, { weight }] of standings.entries())
    if (costs[i] !== undefined && weight >= LEAST_TICKS && isBetter(standings[i]!, standings[best]!))
      best = i;
  return best;
}

function isBetter(challenger: Standing, holder: Standing): boolean {
  const mean = (of: Standing): number => of.sum / Math.max(1, of.weight);
  const variance = (of: Standing): number =>
    Math.max(0, of.squares / Math.max(1, of.weight) - mean(of) ** 2) / Math.max(1, of.weight);
  const error = Math.sqrt(variance(challenger) + variance(holder));
  return mean(challenger) - mean(holder) > SURE * error && mean(challenger) > mean(holder);
}
