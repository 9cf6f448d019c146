import type { Job, Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Schedule } from './schedule.js';
import { CRONS_KEY, DEFINED_KEY } from './cron-key.js';
import { PREFIX } from './settings.js';

/** A cron in Redis: `app` is whose it is, absent from those of earlier builds. */
export interface StandingCron extends Schedule {
  readonly app?: string;
}

/** Results are kept for whoever asks. */
export const KEEP = {
  removeOnComplete: { age: 3600, count: 1000 },
  removeOnFail: { age: 86_400, count: 1000 },
} as const;

/** A definer that dies holds the others up for no longer. */
const DEFINING_MS = 10_000;
const RETRY_MS = 100;

/** Only who holds the key gives it back. */
const RELEASE = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0`;
/** True for a moment later than any that was begun. */
const BEGIN = `local last = redis.call('get', KEYS[1])
if last and tonumber(last) >= tonumber(ARGV[1]) then return 0 end
redis.call('set', KEYS[1], ARGV[1]) return 1`;

/**
 * Sees to it that the cron stands in Redis as it is defined here. One that does is left alone, and one process at a time
 * writes: BullMQ's upsert throws a run away that is due and not begun, and two at once can make the same run twice.
 */
export async function ensureCron(
  redis: Redis,
  queue: Queue<string, string>,
  name: string,
  schedule: StandingCron,
  signal: AbortSignal,
): Promise<void> {
  const [lock, token] = [`${PREFIX}:defining:${name}`, `${process.pid}-${Math.random()}`];
  while (!signal.aborted && !(await stands(queue, name, schedule))) {
    if ((await redis.set(lock, token, 'PX', DEFINING_MS, 'NX')) === null) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      continue;
    }
    try {
      if (!(await stands(queue, name, schedule))) await write(queue, name, schedule);
    } finally {
      await redis.eval(RELEASE, 1, lock, token);
    }
  }
  await redis.hset(CRONS_KEY, name, JSON.stringify(schedule));
}

/**
 * Takes the crons of `app` out of Redis that no process has said it defines for `staleMs`, except `own`. What a release does not
 * define any more would be due for ever, and sized for. The caller has been up for as long itself: whoever defines one has
 * had its time to say so.
 */
export async function dropCrons(
  redis: Redis,
  queueOf: (name: string) => Queue<string, string>,
  {
    app,
    own,
    staleMs,
  }: { readonly app: string; readonly own: ReadonlySet<string>; readonly staleMs: number },
): Promise<string[]> {
  const [standing, [seconds, micros]] = await Promise.all([redis.hgetall(CRONS_KEY), redis.time()]);
  const now = Number(seconds) * 1000 + Number(micros) / 1000;
  const dropped: string[] = [];
  for (const [name, text] of Object.entries(standing)) {
    if (own.has(name) || readCron(text)?.app !== app) continue;
    const said = Number((await redis.zscore(DEFINED_KEY, name)) ?? 0);
    if (now - said < staleMs) continue;
    const [lock, token] = [`${PREFIX}:defining:${name}`, `${process.pid}-${Math.random()}`];
    // Somebody defines it just now.
    if ((await redis.set(lock, token, 'PX', DEFINING_MS, 'NX')) === null) continue;
    try {
      await queueOf(name).removeJobScheduler(name);
      await redis.multi().hdel(CRONS_KEY, name).zrem(DEFINED_KEY, name).exec();
      dropped.push(name);
    } finally {
      await redis.eval(RELEASE, 1, lock, token);
    }
  }
  return dropped;
}

/** A value of `CRONS_KEY`; undefined for what is none. */
export function readCron(text: string): StandingCron | undefined {
  try {
    const { schedule, timezone, app } = JSON.parse(text) as Record<string, unknown>;
    if (typeof schedule !== 'string' || typeof timezone !== 'string') return undefined;
    return { schedule, timezone, ...(typeof app === 'string' ? { app } : {}) };
  } catch {
    return undefined;
  }
}

async function stands(
  queue: Queue<string, string>,
  name: string,
  { schedule, timezone }: Schedule,
): Promise<boolean> {
  const found = await queue.getJobScheduler(name);
  return found?.pattern === schedule && found.tz === timezone;
}

async function write(
  queue: Queue<string, string>,
  name: string,
  { schedule, timezone }: Schedule,
): Promise<void> {
  await queue.upsertJobScheduler(
    name,
    { pattern: schedule, tz: timezone },
    { name, data: 'null', opts: { ...KEEP } },
  );
}

/** When a run of a cron is due, ms since 1970: it stands in its id, `repeat:<name>:<ms>`. Undefined for other tasks. */
export function cronDue({ id, repeatJobKey }: Pick<Job, 'id' | 'repeatJobKey'>): number | undefined {
  return repeatJobKey === undefined ? undefined : Number(id!.slice(id!.lastIndexOf(':') + 1));
}

/**
 * Whether this run is to be: false when it, or a later one, has begun already. Of one that is taken over or tried again
 * that is no wonder.
 */
export async function beginsCron(redis: Redis, name: string, job: Job): Promise<boolean> {
  const due = cronDue(job);
  if (due === undefined || job.stalledCounter > 0 || job.attemptsMade > 0) return true;
  return (await redis.eval(BEGIN, 1, `${PREFIX}:ran:${name}`, due)) === 1;
}
