import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf, systemCode, type Logger } from '../../common/index.js';
import { NO_CRON_COSTS, type CronCosts } from './cron-cost.js';
import { newSizing, type SizingState } from './decide.js';
import { METHODS } from './forecast/methods.js';
import { NO_WORK_MEMORY, type WorkMemory } from './observe.js';
import { FORM } from './record.js';
import { NO_LOSSES, type Losses } from './standby.js';

/** All that sizing knows of a cluster: plain data, kept over restarts. */
export interface SizingMemory {
  readonly state: SizingState;
  readonly work: WorkMemory;
  readonly losses: Losses;
  /** What announced runs have cost. */
  readonly crons: CronCosts;
  /** The last times from a node's spawn to its first passed route test, ms; the newest last. */
  readonly readiness: readonly number[];
  /** Nodes that were last decided on; 0: none yet. */
  readonly nodes: number;
}

/** So many readiness times tell how long the next node will take. */
const READINESS_KEPT = 8;
const FILE = 'sizing.json';

export function newMemory(shortShare: number): SizingMemory {
  return {
    state: newSizing({ shortShare }),
    work: NO_WORK_MEMORY,
    losses: NO_LOSSES,
    crons: NO_CRON_COSTS,
    readiness: [],
    nodes: 0,
  };
}

/** With one more node that became ready after `ms`. Pure. */
export function withReadiness(memory: SizingMemory, ms: number): SizingMemory {
  return { ...memory, readiness: [...memory.readiness, ms].slice(-READINESS_KEPT) };
}

/** How long the next node is taken to need, ms: three in four were faster. Undefined before one was measured. Pure. */
export function readyMsOf({ readiness }: Pick<SizingMemory, 'readiness'>): number | undefined {
  return [...readiness].sort((a, b) => a - b)[Math.floor(readiness.length * 0.75)];
}

const numbers = z.array(z.number());
/** As far as the code that reads it would fail otherwise; what it is in detail, `decide` made. */
const memorySchema = z.looseObject({
  form: z.literal(FORM),
  state: z.looseObject({
    forecaster: z.looseObject({
      signals: z.looseObject({ means: numbers, day: numbers, daySeen: numbers }),
      residuals: z.array(z.looseObject({ counts: numbers })).length(METHODS.length),
      contest: z.looseObject({ standings: z.array(z.looseObject({})).length(METHODS.length) }),
      pending: z.array(z.looseObject({})),
    }),
    waits: z.record(z.string(), z.looseObject({})),
    trials: z.record(z.string(), z.looseObject({})),
    said: z.array(z.string()),
    lastAt: z.number(),
  }),
  work: z.looseObject({
    seen: z.record(z.string(), z.number()),
    bears: z.number().min(1),
    loads: z.record(z.string(), z.looseObject({ rate: z.number(), spread: z.number(), took: z.number() })),
  }),
  losses: z.looseObject({ count: z.number().min(0), nodeMs: z.number().min(0) }),
  crons: z.looseObject({ runs: z.record(z.string(), z.array(numbers)) }),
  readiness: numbers,
  nodes: z.int().min(0),
});

/** What was kept in `dir`; undefined where there is nothing, or nothing this build can go on with. */
export async function readMemory(dir: string, log: Logger): Promise<SizingMemory | undefined> {
  const file = join(dir, FILE);
  try {
    return memorySchema.parse(JSON.parse(await readFile(file, 'utf8'))) as unknown as SizingMemory;
  } catch (error) {
    if (systemCode(error) !== 'ENOENT')
      log.warn(
        { file, error: messageOf(error).slice(0, 300) },
        'sizing begins anew: what it knew cannot be read',
      );
    return undefined;
  }
}

/** Replaces what is kept in one step. Error: the system's. */
export async function writeMemory(dir: string, memory: SizingMemory): Promise<void> {
  const file = join(dir, FILE);
  await writeFile(`${file}.new`, JSON.stringify({ ...memory, form: FORM }), { mode: 0o600 });
  await rename(`${file}.new`, file);
}
