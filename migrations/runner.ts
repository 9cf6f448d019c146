import { randomUUID } from 'node:crypto';
import type { Db } from 'mongodb';
import {
  DharmaError,
  releaseLease,
  systemClock,
  takeLease,
  throwIfAborted,
  type Logger,
} from '../common/index.js';
import type { MigrationStep } from './step.js';
import { collections } from './steps/001-collections.js';
import { indexes } from './steps/002-indexes.js';
import { acceptedRules } from './steps/003-accepted-rules.js';
import { spending } from './steps/004-spending.js';
import { tuning } from './steps/005-tuning.js';

/** All steps, in order. */
export const STEPS: readonly MigrationStep[] = [collections, indexes, acceptedRules, spending, tuning];

/** Longer than any step takes between two renewals; a runner that was killed blocks the next one for so long. */
const LEASE_MS = 15_000;

interface AppliedStep {
  readonly _id: number;
  readonly name: string;
  readonly appliedAt: Date;
}

export interface MigrationOutcome {
  /** Steps applied by this run. */
  readonly applied: readonly { readonly id: number; readonly name: string }[];
  /** The schema's version now. */
  readonly version: number;
}

export interface MigrateOptions {
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly steps?: readonly MigrationStep[];
}

/**
 * Applies what is missing. Several may call it at once: one works, the others wait and find nothing to do. Cut short,
 * the next run goes on. Error: SCHEMA_TOO_NEW, when a later version of dharma has been here.
 */
export async function migrate(db: Db, options: MigrateOptions): Promise<MigrationOutcome> {
  const steps = options.steps ?? STEPS;
  const lease = { name: 'migrations', holder: randomUUID(), session: randomUUID(), ttlMs: LEASE_MS };
  const applied: MigrationStep[] = [];
  try {
    for (;;) {
      const step = (await pendingSteps(db, steps))[0];
      if (step === undefined) break;
      if (!(await holdLease(db, lease, options.signal))) continue;
      // Looked at again under the lease: somebody else may have applied it while we waited.
      if ((await pendingSteps(db, steps))[0]?.id !== step.id) continue;
      options.log.info({ step: step.id, name: step.name }, 'applying migration');
      await step.up(db);
      await db
        .collection<AppliedStep>('migrations')
        .insertOne({ _id: step.id, name: step.name, appliedAt: new Date() });
      applied.push(step);
    }
  } finally {
    await releaseLease(db, lease);
  }
  return { applied: applied.map(({ id, name }) => ({ id, name })), version: steps.at(-1)?.id ?? 0 };
}

/** Steps not applied yet, in order. Error: SCHEMA_TOO_NEW. */
export async function pendingSteps(
  db: Db,
  steps: readonly MigrationStep[] = STEPS,
): Promise<MigrationStep[]> {
  const done = await db.collection<AppliedStep>('migrations').find().toArray();
  const known = new Set(steps.map((step) => step.id));
  const unknown = done.find((step) => !known.has(step._id));
  if (unknown !== undefined)
    throw new DharmaError({
      code: 'SCHEMA_TOO_NEW',
      message: `the federation's state was written by a later version of dharma (migration ${unknown._id}, ${unknown.name})`,
      remedy: 'Install that version of dharma or a later one.',
    });
  const applied = new Set(done.map((step) => step._id));
  return steps.filter((step) => !applied.has(step.id));
}

/** One try; false after a short wait when another holds it. */
async function holdLease(
  db: Db,
  lease: { name: string; holder: string; session: string; ttlMs: number },
  signal: AbortSignal,
): Promise<boolean> {
  throwIfAborted(signal);
  const { session } = await takeLease(db, lease);
  if (session === lease.session) return true;
  await systemClock.sleep(100, signal);
  return false;
}
