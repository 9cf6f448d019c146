/** What one cluster did within a block of time. */
export interface Sample {
  /** What its nodes cost an hour, in the mean: US dollars, or nodes where none costs anything. */
  readonly hourly: number;
  readonly errors: number;
  /** Successes by endpoint, and what they took in all as clients see it, ms. */
  readonly endpoints: Readonly<Record<string, { readonly count: number; readonly sumMs: number }>>;
}

/** A cluster's losses: less is better. Each is the log of a quantity, so that a difference is a ratio. */
export interface Loss {
  /** Of the time to answer, the endpoints weighed by how often all clusters were asked for them. */
  readonly wait: number;
  /** Of cost per answered request. */
  readonly cost: number;
  /** Both, by the operator's weights. */
  readonly both: number;
}

/**
 * Losses of clusters over the same time. The two are weighed as a ratio against a ratio: with a weight of a half, twice the
 * cost is worth it where it halves the time to answer. (Throughput over delay, the "power" of a queue: Kleinrock 1979.)
 * Undefined where one of them answered nothing that can be compared. Pure.
 */
export function lossesOf(
  samples: ReadonlyMap<string, Sample>,
  costWeight: number,
): ReadonlyMap<string, Loss> | undefined {
  const all = [...samples.values()];
  const [first] = all;
  if (first === undefined) return undefined;
  const endpoints = Object.keys(first.endpoints).filter((endpoint) =>
    all.every((sample) => (sample.endpoints[endpoint]?.count ?? 0) > 0),
  );
  const shares = endpoints.map((endpoint) =>
    all.reduce((sum, sample) => sum + sample.endpoints[endpoint]!.count, 0),
  );
  const total = shares.reduce((sum, share) => sum + share, 0);
  if (total === 0) return undefined;
  const losses = new Map<string, Loss>();
  for (const [name, sample] of samples) {
    const wait = endpoints.reduce((sum, endpoint, i) => {
      const { count, sumMs } = sample.endpoints[endpoint]!;
      // A time that is told as nothing is below what the proxy measures: a microsecond.
      return sum + (shares[i]! / total) * Math.log(Math.max(sumMs / count, 1e-3));
    }, 0);
    const cost = Math.log(Math.max(sample.hourly, 1e-9) / answered(sample));
    if (!Number.isFinite(wait) || !Number.isFinite(cost)) return undefined;
    losses.set(name, { wait, cost, both: costWeight * cost + (1 - costWeight) * wait });
  }
  return losses;
}

/** Requests that got an answer which is no error. */
export function answered({ endpoints }: Sample): number {
  return Object.values(endpoints).reduce((sum, { count }) => sum + count, 0);
}

/** What clusters did together. */
export function pooled(samples: readonly Sample[]): Sample {
  const endpoints: Record<string, { count: number; sumMs: number }> = {};
  for (const sample of samples)
    for (const [endpoint, { count, sumMs }] of Object.entries(sample.endpoints)) {
      const sum = (endpoints[endpoint] ??= { count: 0, sumMs: 0 });
      sum.count += count;
      sum.sumMs += sumMs;
    }
  return {
    hourly: samples.reduce((sum, { hourly }) => sum + hourly, 0),
    errors: samples.reduce((sum, { errors }) => sum + errors, 0),
    endpoints,
  };
}
