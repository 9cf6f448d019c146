/**
 * How long requests wait for a node in a group of like nodes, each working on one request at a time: the queue M/G/c. Mean
 * wait by Allen and Cunneen's approximation (Allen, "Probability, Statistics, and Queueing Theory", 1990): that of M/M/c
 * (Erlang's C formula) times half of one plus the squared coefficient of variation of the service time. Exact for one node
 * (Pollaczek and Khinchin) and for exponential service.
 */
export interface Traffic {
  /** Requests a second. */
  readonly rate: number;
  /** Mean service time, ms, and mean of its square, ms². */
  readonly mean: number;
  readonly square: number;
}

export const NO_TRAFFIC: Traffic = { rate: 0, mean: 0, square: 0 };

/** Both together, as one stream. */
export function mix(a: Traffic, b: Traffic): Traffic {
  const rate = a.rate + b.rate;
  if (rate === 0) return NO_TRAFFIC;
  return {
    rate,
    mean: (a.rate * a.mean + b.rate * b.mean) / rate,
    square: (a.rate * a.square + b.rate * b.square) / rate,
  };
}

/** How many nodes would be busy with it. */
export function workOf({ rate, mean }: Traffic): number {
  return (rate * mean) / 1000;
}

/** The chance that all of `nodes` are busy under `work` (Erlang's C), by the recursion of Erlang's B. */
export function allBusy(nodes: number, work: number): number {
  if (work >= nodes) return 1;
  let blocked = 1;
  for (let n = 1; n <= nodes; n += 1) blocked = (work * blocked) / (n + work * blocked);
  return (nodes * blocked) / (nodes - work * (1 - blocked));
}

/** Mean wait for a node, ms; Infinity where the nodes cannot keep up. */
export function meanWait(traffic: Traffic, nodes: number): number {
  const work = workOf(traffic);
  if (work === 0) return 0;
  if (work >= nodes) return Infinity;
  // mean × (1 + c²) / 2 is the square over twice the mean.
  return (allBusy(nodes, work) * traffic.square) / (2 * traffic.mean * (nodes - work));
}

/** What is left, in the mean, of a request that is found being worked on (the inspection paradox), ms. */
export function residual({ mean, square }: Traffic): number {
  return mean === 0 ? 0 : square / (2 * mean);
}
