import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { Binary, MongoClient } from 'mongodb';
import { startMongo, startRedis, systemClock, type StartedStore } from '../../common/index.js';
import { cloneMongo } from '../../shadow/clone/mongo.js';
import type { CloneOptions, CloneSummary } from '../../shadow/clone/progress.js';
import { cloneRedis } from '../../shadow/clone/redis.js';
import { quantile, spreadOf, type Spread } from '../statistics.js';
import type { Entry, EntryContext, EntryResult } from './entry.js';

/** What live holds: so many values of so many random bytes, which no store makes smaller. */
const VALUES = 512 * 1024;
const VALUE_BYTES = 2048;
const PER_BATCH = 1024;

/** Live is written to so often meanwhile: an app under steady load. */
const WRITE_EVERY_MS = 2;

/** One kind of store, as live and as the copy. */
interface Subject {
  readonly name: string;
  start(dir: string): Promise<StartedStore>;
  /** Fills it, and returns how one of its values is written anew. */
  open(uri: string): Promise<{
    readonly fill: (from: number, to: number) => Promise<unknown>;
    readonly write: (n: number) => Promise<unknown>;
    readonly close: () => Promise<unknown>;
  }>;
  clone(from: string, to: string, options: CloneOptions): Promise<CloneSummary>;
}

const value = (): Buffer => randomBytes(VALUE_BYTES);

const REDIS: Subject = {
  name: 'Redis',
  start: (dir) => startRedis({ dir, persist: false }),
  open: async (uri) => {
    const redis = new Redis(uri);
    return {
      fill: (from, to) => {
        const batch = redis.pipeline();
        for (let n = from; n < to; n++) batch.set(`value:${n}`, value());
        return batch.exec();
      },
      write: (n) => redis.set(`value:${n}`, value()),
      close: () => redis.quit(),
    };
  },
  clone: cloneRedis,
};

const MONGO: Subject = {
  name: 'MongoDB',
  start: (dir) => startMongo({ dir, persist: false }),
  open: async (uri) => {
    const client = await MongoClient.connect(uri);
    const values = client.db('bench').collection<{ _id: number; value: Binary }>('values');
    return {
      fill: (from, to) =>
        values.insertMany(
          Array.from({ length: to - from }, (_, i) => ({ _id: from + i, value: new Binary(value()) })),
        ),
      write: (n) => values.updateOne({ _id: n }, { $set: { value: new Binary(value()) } }),
      close: () => client.close(),
    };
  },
  clone: cloneMongo,
};

/** What writers saw until `until` had come: ms a write. */
async function writeUntil(
  write: (n: number) => Promise<unknown>,
  until: Promise<unknown>,
): Promise<number[]> {
  const took: number[] = [];
  let ended = false;
  const end = until.finally(() => {
    ended = true;
  });
  while (!ended) {
    const at = performance.now();
    await write(Math.floor(Math.random() * VALUES));
    took.push(performance.now() - at);
    await systemClock.sleep(WRITE_EVERY_MS);
  }
  await end;
  return took;
}

interface Round {
  readonly idle: readonly number[];
  readonly meanwhile: readonly number[];
  readonly cloneMs: number;
  readonly copied: CloneSummary;
}

async function runRound(
  subject: Subject,
  live: StartedStore,
  write: (n: number) => Promise<unknown>,
  dir: string,
): Promise<Round> {
  const copy = await subject.start(await mkdtemp(join(dir, 'copy-')));
  try {
    const idle = await writeUntil(write, systemClock.sleep(2000));
    const startedAt = performance.now();
    const clone = subject.clone(live.uri, copy.uri, { signal: new AbortController().signal });
    const meanwhile = await writeUntil(write, clone);
    return { idle, meanwhile, cloneMs: performance.now() - startedAt, copied: await clone };
  } finally {
    await copy.close();
  }
}

async function measure(
  subject: Subject,
  context: EntryContext,
): Promise<Pick<EntryResult, 'notes'> & { times: { name: string; ms: Spread }[] }> {
  const dir = join(context.folder, subject.name);
  await mkdir(dir);
  const live = await subject.start(await mkdtemp(join(dir, 'live-')));
  try {
    const store = await subject.open(live.uri);
    try {
      context.say(`clone: filling ${subject.name}`);
      for (let n = 0; n < VALUES; n += PER_BATCH) await store.fill(n, n + PER_BATCH);
      const rounds: Round[] = [];
      for (let round = 1; round <= context.effort.rounds; round++) {
        rounds.push(await runRound(subject, live, store.write, dir));
        context.say(`clone: ${subject.name}, round ${round} of ${context.effort.rounds}`);
      }
      return told(subject.name, rounds);
    } finally {
      await store.close();
    }
  } finally {
    await live.close();
  }
}

function told(
  name: string,
  rounds: readonly Round[],
): { times: { name: string; ms: Spread }[]; notes: string[] } {
  const over = (of: (round: Round) => number): Spread => spreadOf(rounds.map(of));
  const { items, bytes } = rounds[0]!.copied;
  const rate = over(({ cloneMs, copied }) => copied.bytes / 1e6 / (cloneMs / 1000));
  return {
    times: [
      { name: `${name}: the clone`, ms: over((round) => round.cloneMs) },
      { name: `${name}: a write to live before, p50`, ms: over(({ idle }) => quantile(idle, 0.5)) },
      {
        name: `${name}: a write to live meanwhile, p50`,
        ms: over(({ meanwhile }) => quantile(meanwhile, 0.5)),
      },
      { name: `${name}: a write to live before, p99`, ms: over(({ idle }) => quantile(idle, 0.99)) },
      {
        name: `${name}: a write to live meanwhile, p99`,
        ms: over(({ meanwhile }) => quantile(meanwhile, 0.99)),
      },
    ],
    notes: [
      `${name}: ${items} values, ${(bytes / 1e6).toFixed(0)} MB, ` +
        `${rate.median.toFixed(0)} MB/s (${rate.min.toFixed(0)} – ${rate.max.toFixed(0)})`,
    ],
  };
}

async function run(context: EntryContext): Promise<EntryResult> {
  const results = [];
  for (const subject of [REDIS, MONGO]) results.push(await measure(subject, context));
  return {
    entry: 'clone',
    load: `one writer, every ${WRITE_EVERY_MS} ms`,
    effort: { ...context.effort, connections: 1 },
    figures: [],
    ratios: [],
    times: results.flatMap(({ times }) => times),
    notes: results.flatMap(({ notes }) => notes),
  };
}

export const cloneEntry: Entry = {
  name: 'clone',
  about: 'how long the copy of a 1 GB store takes, and what writes to live take meanwhile',
  run,
};
