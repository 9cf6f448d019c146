import { rm } from 'node:fs/promises';
import { CallQueue, DharmaError, type Release, type ShadowReport } from '../../common/index.js';
import type { BegunWith, PrepareArms } from '../arms-contract.js';
import { mirrorUri } from '../arms/environment.js';
import { sizeOf } from '../capture/capture.js';
import type { Kept, KeptExchanges } from '../capture/kept-exchanges.js';
import { PushSource } from '../capture/push-source.js';
import { NO_JOURNAL } from '../resume/journal.js';
import { isReady } from '../readiness.js';
import { runShadow, type EngineOptions, type ShadowRun } from '../upgrade.js';
import type { Extent } from './trials.js';

/** What is replayed before the arms must have caught up: what the trial holds in memory, beside what the arms do. */
const BATCH = { exchanges: 256, bytes: 4 * 1024 * 1024 } as const;

export interface KeptRehearsal {
  /** The options of the run that kept the exchanges, but for what is about that run alone. */
  readonly run: Omit<EngineOptions, 'earlier' | 'signal' | 'onProgress'>;
  readonly kept: KeptExchanges;
  /** What that run's arms began with. Only read. */
  readonly begun: BegunWith;
  /** Starts the trial's own arms. */
  readonly prepare: PrepareArms;
  /** A folder that is made, and removed at the end. */
  readonly workDir: string;
}

/**
 * Replays the first of what a run has kept, beside another new release and from where the run's arms began. Live is not
 * touched: neither its stores nor its nodes.
 */
export async function rehearseKept(
  rehearsal: KeptRehearsal,
  fresh: Release,
  extent: Extent,
  signal: AbortSignal,
): Promise<ShadowReport> {
  const source = new PushSource();
  const calls = new CallQueue();
  const indexes = new Map<string, number>();
  const run = await runShadow({
    ...asTheRun(rehearsal),
    new: fresh,
    arms: extent.arms,
    exchanges: source,
    outbound: calls,
    // One after the other and each one's effects apart: a trial must put an effect down to the exchange of the report.
    eachApart: true,
    indexOf: ({ id }) => indexes.get(id) ?? 0,
    signal,
  });
  try {
    if (!(await isReady(run))) return await run.report();
    for (const batch of batchesOf(rehearsal.kept.read(), extent.requests)) {
      for (const item of batch) {
        if (item.kind === 'call') calls.push(item.call);
        else {
          indexes.set(item.exchange.id, item.index);
          source.push({ kind: 'exchange', exchange: item.exchange });
        }
      }
      await caughtUp(run, signal);
    }
    return await run.report();
  } finally {
    await run.stop();
    await rm(rehearsal.workDir, { recursive: true, force: true });
  }
}

/** How the run was, but on copies of what its arms began with. */
function asTheRun({ run, begun, workDir, prepare }: KeptRehearsal): Omit<EngineOptions, 'new' | 'exchanges'> {
  const { mongo, redis, databases } = run.live;
  return {
    ...run,
    workDir,
    prepare,
    journal: NO_JOURNAL,
    live: {
      ...(begun.mongo === undefined ? {} : { mongo: mirrorUri(mongo, begun.mongo) }),
      ...(begun.redis === undefined ? {} : { redis: mirrorUri(redis, begun.redis) }),
      ...(databases === undefined ? {} : { databases }),
    },
    writable: Object.fromEntries(Object.keys(run.writable ?? {}).map((name) => [name, begun.folder(name)])),
    keep: false,
    afterClone: true,
    sample: 1,
    // A batch waits in memory.
    spoolBytes: 0,
  };
}

/** Everything given to it is accounted for. Rejects where the run has failed. */
async function caughtUp(run: ShadowRun, signal: AbortSignal): Promise<void> {
  await run.drained();
  signal.throwIfAborted();
  const { error } = run.status();
  if (error !== undefined) throw new DharmaError(error);
}

/** The exchanges numbered below `requests`, and the calls before them, in pieces. */
export function* batchesOf(kept: Iterable<Kept>, requests: number): Generator<readonly Kept[]> {
  let batch: Kept[] = [];
  let bytes = 0;
  let exchanges = 0;
  for (const item of kept) {
    if (item.kind === 'exchange') {
      if (item.index >= requests) continue;
      const size = sizeOf(item.exchange);
      if (exchanges > 0 && bytes + size > BATCH.bytes) {
        yield batch;
        [batch, bytes, exchanges] = [[], 0, 0];
      }
      bytes += size;
      exchanges += 1;
    }
    batch.push(item);
    if (exchanges < BATCH.exchanges) continue;
    yield batch;
    [batch, bytes, exchanges] = [[], 0, 0];
  }
  if (exchanges > 0) yield batch;
}
