import type { AnnouncedRun } from './input.js';

/** A run that the app has announced: when it begins, ms since 1970. */
export interface CronStart {
  readonly name: string;
  readonly at: number;
}

/** What runs have cost: work over the ordinary, slice by slice from their start, in nodes. Plain data of bounded size. */
export interface CronCosts {
  /** By what begins together (names, sorted, joined by `+`): the last runs, the newest last, each as its slices. */
  readonly runs: Readonly<Record<string, readonly (readonly number[])[]>>;
  readonly open: OpenRun | undefined;
  /** What the last seconds without a run say is ordinary; undefined before there were any. */
  readonly usual: Usual | undefined;
}

/** Mean work, and how far a slice strays from it; nodes. */
interface Usual {
  readonly mean: number;
  readonly noise: number;
}

/** The run that is being watched; the next one's start ends it. */
interface OpenRun {
  readonly key: string;
  readonly at: number;
  readonly usual: Usual;
  readonly seconds: readonly number[];
}

export const NO_CRON_COSTS: CronCosts = { runs: {}, open: undefined, usual: undefined };

/** A run is learned in slices of so many seconds: as finely as the shortest horizon of the forecast. */
const SLICE = 15;
/** Longer ones are the ordinary, from then on. */
const MOST_SLICES = 240;
/** Runs that are remembered: enough for a quantile, few enough to follow a changed app. */
const REMEMBERED = 12;
/** Of the remembered runs, slice by slice: so many cost no more. What is above is left to the forecast's own margin. */
const QUANTILE = 0.9;
/** A slice that strays no further than this many of the ordinary's strayings is none of the run's. */
const NOISE = 3;
/** Nor is one below a twentieth of a node, or of the run's highest: no decision turns on it. */
const LEAST = 0.05;
/** A run has ended when it has been quiet for as long as it lasted, and this many slices. */
const QUIET = 4;
/** The ordinary follows the last minutes. */
const USUAL_SLICES = 8;

/**
 * What is known of runs after the seconds of another tick, which end at `at`: their work, in nodes, all included. `starts`:
 * those announced for these seconds. Pure.
 */
export function learnCrons(
  before: CronCosts,
  {
    work,
    at,
    starts,
  }: { readonly work: readonly number[]; readonly at: number; readonly starts: readonly CronStart[] },
): CronCosts {
  let costs = before;
  const first = at - work.length * 1000;
  let from = 0;
  for (const { key, at: start } of together(starts)) {
    const place = Math.round((start - first) / 1000);
    if (place < from || place >= work.length) continue;
    costs = close(watch(costs, work.slice(from, place)));
    // Without anything to compare it with, a run tells nothing.
    const { usual } = costs;
    if (usual !== undefined) costs = { ...costs, open: { key, at: start, usual, seconds: [] } };
    from = place;
  }
  return watch(costs, work.slice(from));
}

/**
 * The runs of `starts` with what they will cost, for the input of sizing. Of one that is under way for the first time: what
 * it has taken, so that no forecast learns it as noise, and that it goes on so. Others that nothing is known of are left out.
 * Pure.
 */
export function expectCrons(costs: CronCosts, starts: readonly CronStart[]): AnnouncedRun[] {
  const { open } = costs;
  const isNew = open !== undefined && !Object.hasOwn(costs.runs, open.key);
  return together(starts).flatMap(({ key, names, at }) => {
    if (isNew && key === open.key && at === open.at) return goingOn(open);
    const known = Object.hasOwn(costs.runs, key)
      ? [key]
      : names.filter((name) => Object.hasOwn(costs.runs, name));
    return known.flatMap((one) =>
      slicesOf(costs.runs[one]!)
        .map((work, i) => ({ from: at + i * SLICE * 1000, to: at + (i + 1) * SLICE * 1000, work }))
        .filter(({ work }) => work > 0),
    );
  });
}

function goingOn(open: OpenRun): AnnouncedRun[] {
  const slices = excess(open).map((work) => Math.max(0, work));
  const until = open.at + open.seconds.length * 1000 + QUIET * SLICE * 1000;
  const isUp = lastOf(open, slices) === slices.length;
  return slices.map((work, i) => {
    const from = open.at + i * SLICE * 1000;
    return { from, to: i === slices.length - 1 && isUp ? until : from + SLICE * 1000, work };
  });
}

/** How far back a start still matters to `expectCrons`, ms: a run may be under way. */
export const LONGEST_RUN_MS = MOST_SLICES * SLICE * 1000;

/** Runs that begin in the same second are one: their cost cannot be told apart. In order of time. */
function together(starts: readonly CronStart[]): { key: string; names: string[]; at: number }[] {
  const groups = new Map<number, string[]>();
  for (const { name, at } of starts) {
    const second = Math.round(at / 1000) * 1000;
    groups.set(second, [...(groups.get(second) ?? []), name]);
  }
  return [...groups]
    .sort(([a], [b]) => a - b)
    .map(([at, names]) => ({
      at,
      names: [...new Set(names)].sort(),
      key: [...new Set(names)].sort().join('+'),
    }));
}

/** More seconds: of the run that is open, or ordinary ones. */
function watch(costs: CronCosts, seconds: readonly number[]): CronCosts {
  if (seconds.length === 0) return costs;
  const { open } = costs;
  if (open === undefined) return { ...costs, usual: follow(costs.usual, seconds) };
  const more = { ...open, seconds: [...open.seconds, ...seconds] };
  const slices = excess(more);
  const ended = lastOf(more, slices);
  const isOver = slices.length >= MOST_SLICES || slices.length >= 2 * ended + QUIET;
  return isOver ? close({ ...costs, open: more }) : { ...costs, open: more };
}

/**
 * The open run, if there is one, is learned, if it was seen to end. One that was not cannot be told from the ordinary having
 * changed, and is the ordinary from now on.
 */
function close(costs: CronCosts): CronCosts {
  const { open } = costs;
  if (open === undefined) return costs;
  const slices = excess(open);
  const ended = lastOf(open, slices);
  const last = means(open.seconds).slice(-QUIET);
  const usual = last.length === 0 ? open.usual : { ...open.usual, mean: average(last) };
  if (ended + QUIET > slices.length) return { ...costs, open: undefined, usual };
  const run = slices.slice(0, ended).map((work) => Math.max(0, work));
  const runs = [...(Object.hasOwn(costs.runs, open.key) ? costs.runs[open.key]! : []), run].slice(
    -REMEMBERED,
  );
  return { open: undefined, usual, runs: { ...costs.runs, [open.key]: runs } };
}

/** Work over the ordinary, by slice. */
function excess({ seconds, usual }: OpenRun): number[] {
  return means(seconds)
    .slice(0, MOST_SLICES)
    .map((mean) => mean - usual.mean);
}

/** How many slices the run has taken: those behind the last that stands out are none of it. */
function lastOf({ usual }: OpenRun, slices: readonly number[]): number {
  const highest = slices.reduce((most, work) => Math.max(most, work), 0);
  const least = Math.max(NOISE * usual.noise, LEAST, LEAST * highest);
  return slices.findLastIndex((work) => work > least) + 1;
}

function follow(usual: Usual | undefined, seconds: readonly number[]): Usual | undefined {
  return means(seconds).reduce((before, mean) => {
    if (before === undefined) return { mean, noise: deviation(seconds) };
    const step = Math.abs(mean - before.mean);
    return {
      mean: before.mean + (mean - before.mean) / 2,
      noise: before.noise + (step - before.noise) / USUAL_SLICES,
    };
  }, usual);
}

const average = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Of a slice's mean, where the seconds are independent. */
function deviation(seconds: readonly number[]): number {
  const mean = average(seconds);
  return Math.sqrt(average(seconds.map((value) => (value - mean) ** 2)) / SLICE);
}

/** Of whole slices. */
function means(seconds: readonly number[]): number[] {
  return Array.from({ length: Math.floor(seconds.length / SLICE) }, (_, i) =>
    average(seconds.slice(i * SLICE, (i + 1) * SLICE)),
  );
}

/** The quantile of runs, slice by slice; a run that had ended by then cost nothing. */
function slicesOf(runs: readonly (readonly number[])[]): number[] {
  const longest = Math.max(0, ...runs.map((run) => run.length));
  return Array.from({ length: longest }, (_, i) => {
    const sorted = runs.map((run) => run[i] ?? 0).sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(QUANTILE * sorted.length))]!;
  });
}
