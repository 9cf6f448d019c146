/**
 * A fleet of equal nodes under a load given second by second, with decisions every tick: a fluid queue. What cannot be
 * served waits; who waits longer than visitors do goes away.
 */
export interface Sight {
  /** End of the last tick, s from the start. */
  readonly at: number;
  /** Work that came in the last tick, second by second, in nodes. */
  readonly seconds: readonly number[];
  readonly ready: number;
  readonly starting: number;
  /** Work that waits, in node-seconds. */
  readonly waiting: number;
  /** Share of the last tick's seconds that were short. */
  readonly short: number;
}

/** Decides how many nodes there are to be, from what was seen. A new one for each run: it may remember. */
export type Policy = (sight: Sight) => number;

export interface World {
  readonly tickSeconds: number;
  readonly readySeconds: number;
  /** A request that waits longer is over its target, s. */
  readonly targetSeconds: number;
}

export interface Score {
  /** Share of seconds in which work was left waiting. */
  readonly short: number;
  /** Share of requests that waited longer than the target, or went away. */
  readonly over: number;
  /** Node-seconds paid, from each node's start. */
  readonly cost: number;
  readonly changesPerDay: number;
  /** Largest size there was. */
  readonly most: number;
}

/** Visitors wait so long; s. */
const PATIENCE = 30;

export function simulate(load: Float64Array, policy: Policy, world: World, firstNodes: number): Score {
  const { tickSeconds, readySeconds, targetSeconds } = world;
  let ready = firstNodes;
  let starting: number[] = [];
  let [waiting, cost, short, over, total, changes, most] = [0, 0, 0, 0, 0, 0, firstNodes];
  let shortInTick = 0;
  for (let s = 0; s < load.length; s += 1) {
    if (s > 0 && s % tickSeconds === 0) {
      const wanted = Math.max(
        1,
        Math.round(
          policy({
            at: s,
            seconds: Array.from(load.subarray(s - tickSeconds, s)),
            ready,
            starting: starting.length,
            waiting,
            short: shortInTick / tickSeconds,
          }),
        ),
      );
      if (wanted !== ready + starting.length) changes += 1;
      while (ready + starting.length < wanted) starting.push(s + readySeconds);
      // The youngest that do not serve yet go first.
      starting = starting.slice(0, Math.max(0, starting.length - (ready + starting.length - wanted)));
      ready = Math.min(ready, wanted);
      most = Math.max(most, wanted);
      shortInTick = 0;
    }
    const arrived = starting.filter((at) => at <= s).length;
    if (arrived > 0) {
      ready += arrived;
      starting = starting.slice(arrived);
    }
    cost += ready + starting.length;
    const before = waiting;
    const left = before + load[s]! - ready;
    waiting = Math.min(Math.max(0, left), PATIENCE * ready);
    total += load[s]!;
    if (left > 1e-9) {
      short += 1;
      shortInTick += 1;
    }
    const gone = Math.max(0, left - waiting);
    over += Math.min(load[s]!, gone + load[s]! * shareOver(before / ready, waiting / ready, targetSeconds));
  }
  const days = load.length / 86_400;
  return {
    short: short / load.length,
    over: total === 0 ? 0 : over / total,
    cost,
    changesPerDay: changes / days,
    most,
  };
}

/** Of requests that come evenly while the wait goes from `from` to `to`: the share that waits longer than `target`. */
function shareOver(from: number, to: number, target: number): number {
  const [low, high] = from < to ? [from, to] : [to, from];
  if (low > target) return 1;
  return high <= target ? 0 : (high - target) / (high - low);
}

/** Who knows the future: for each tick just as many as its highest second needs, started early enough. Node-seconds. */
export function oracleCost(load: Float64Array, { tickSeconds, readySeconds }: World): number {
  let [cost, before] = [0, 0];
  for (let s = 0; s < load.length; s += tickSeconds) {
    const tick = load.subarray(s, s + tickSeconds);
    const nodes = Math.max(1, Math.ceil(tick.reduce((most, value) => Math.max(most, value), 0) - 1e-9));
    cost += nodes * tick.length + (s === 0 ? 0 : Math.max(0, nodes - before) * readySeconds);
    before = nodes;
  }
  return cost;
}
