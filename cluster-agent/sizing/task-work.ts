import type { Observation } from './input.js';

/** What was read of an app's tasks at a moment: figures that only rise, and queues as they are. */
export interface TaskReading {
  /** Monotonic, ms; and since 1970. */
  readonly at: number;
  readonly wallAt: number;
  readonly tasks: ReadonlyMap<string, TaskFigures>;
}

export interface TaskFigures {
  /** Done by this cluster's workers ever since, and how long that took, s. */
  readonly done: number;
  readonly seconds: number;
  /** Done by all clusters' workers. */
  readonly doneByAll: number;
  readonly secondsByAll: number;
  /** Waiting and under way, whoever takes them. */
  readonly open: number;
  /** Of these, waiting. */
  readonly waiting: number;
}

/** What a task takes while no task of the app was ever done, s: there is nothing to go by. */
const UNKNOWN_SECONDS = 1;
/** No task is followed for longer: an hour. */
const MOST_AHEAD = 3600;

/**
 * What the readings since the last decision say in the terms of sizing: a task is work of one worker for as long as its like
 * have taken; one that nobody has done yet, for as long as the app's others take in the (geometric) mean. It counts from when it is sent, spread over the time that it may take, `waitMultiplier` times its own: of all
 * clusters' tasks as many as this cluster does of them. A second is short when what waits would take the workers there longer
 * than a task may wait. The first reading is that of the last decision. `ahead`: work that was sent before, of the seconds to
 * come. Pure.
 */
export function observeTasks(
  ahead: readonly number[],
  readings: readonly TaskReading[],
  { workers, clusters, waitMultiplier }: TaskSurroundings,
): { readonly observation: Observation; readonly ahead: readonly number[] } {
  const last = readings.at(-1);
  const known = last === undefined ? new Map<string, number>() : meansOf(last);
  const unlike = likelySeconds(known);
  const each = (task: string): number => known.get(task) ?? unlike;
  const share = shareOf(readings, clusters);
  const coming = [...ahead];
  const seconds = readings.slice(1).flatMap((reading, i) => {
    for (const { tasks, mean } of sentBetween(readings[i]!, reading, each))
      spread(
        coming,
        tasks * share * mean,
        Math.min(MOST_AHEAD, Math.max(1, Math.round(mean * waitMultiplier))),
      );
    const passed = Math.max(1, Math.round((reading.at - readings[i]!.at) / 1000));
    return Array.from({ length: passed }, () => coming.shift() ?? 0);
  });
  const waits = readings.slice(1).map((reading) => waitingOf(reading, each) * share);
  const usual = [...known.values()].reduce((sum, mean) => sum + mean, 0) / Math.max(1, known.size);
  const slack = (waitMultiplier - 1) * usual;
  const late = waits.filter((waiting) => waiting / Math.max(1, workers) > slack).length;
  const observation = {
    at: last?.wallAt ?? 0,
    work: seconds,
    // What waits within its time is in the seconds to come.
    waiting: late > 0 ? (waits.at(-1) ?? 0) : 0,
    short: late / Math.max(1, waits.length),
    endpoints: [],
    guesses: [...(last?.tasks ?? [])]
      .filter(([task, { open }]) => open > 0 && !known.has(task))
      .map(([task]) => ({ task, seconds: unlike })),
  };
  return { observation, ahead: coming };
}

/** Adds `work`, in worker-seconds, evenly to the next `seconds`. */
function spread(coming: number[], work: number, seconds: number): void {
  for (let i = 0; i < seconds; i += 1) coming[i] = (coming[i] ?? 0) + work / seconds;
}

export interface TaskSurroundings {
  readonly workers: number;
  /** Clusters whose workers share the queues, this one included. */
  readonly clusters: number;
  readonly waitMultiplier: number;
}

/** Mean time of each task, s; of those nobody has done yet nothing is known. */
function meansOf({ tasks }: TaskReading): Map<string, number> {
  return new Map(
    [...tasks].flatMap(([task, { doneByAll, secondsByAll }]): [string, number][] =>
      doneByAll > 0 && secondsByAll > 0 ? [[task, secondsByAll / doneByAll]] : [],
    ),
  );
}

/** The geometric mean, as durations lie orders of magnitude apart and one long task says little of the others. */
function likelySeconds(known: ReadonlyMap<string, number>): number {
  if (known.size === 0) return UNKNOWN_SECONDS;
  const logs = [...known.values()].reduce((sum, mean) => sum + Math.log(mean), 0);
  return Math.exp(logs / known.size);
}

/** What was sent between two readings: what is open and was not, and what was done meanwhile. */
function sentBetween(
  before: TaskReading,
  now: TaskReading,
  each: (task: string) => number,
): { readonly tasks: number; readonly mean: number }[] {
  return [...now.tasks].flatMap(([task, figures]) => {
    const then = before.tasks.get(task);
    const tasks = figures.doneByAll - (then?.doneByAll ?? 0) + figures.open - (then?.open ?? 0);
    return tasks > 0 ? [{ tasks, mean: each(task) }] : [];
  });
}

function waitingOf({ tasks }: TaskReading, each: (task: string) => number): number {
  return [...tasks].reduce((sum, [task, { waiting }]) => sum + waiting * each(task), 0);
}

/** How much of the work this cluster does; while nobody did any, an equal part. */
function shareOf(readings: readonly TaskReading[], clusters: number): number {
  const [first, last] = [readings[0], readings.at(-1)];
  let [own, all] = [0, 0];
  for (const [task, figures] of last?.tasks ?? []) {
    const then = first?.tasks.get(task);
    own += Math.max(0, figures.seconds - (then?.seconds ?? 0));
    all += Math.max(0, figures.secondsByAll - (then?.secondsByAll ?? 0));
  }
  return all > 0 ? Math.min(1, own / all) : 1 / Math.max(1, clusters);
}
