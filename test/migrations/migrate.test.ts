import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createLogger, type Logger } from '../../common/index.js';
import { migrate, pendingSteps, STEPS, type MigrationStep } from '../../migrations/index.js';
import { startTestStores, type TestStores } from '../federator/support/stores.js';

let stores: TestStores;
beforeAll(async () => {
  stores = await startTestStores();
});
afterAll(() => stores.close());

let options: { readonly log: Logger; readonly signal: AbortSignal };
beforeEach(() => {
  options = { log: createLogger('test', 'silent'), signal: AbortSignal.timeout(60_000) };
});

test('brings an empty database to the newest version, and the second run finds nothing to do', async () => {
  const { db } = await stores.database();
  const first = await migrate(db, options);
  expect(first.applied.map((step) => step.id)).toEqual(STEPS.map((step) => step.id));
  expect(first.version).toBe(STEPS.at(-1)?.id);
  expect(await migrate(db, options)).toEqual({ applied: [], version: first.version });
  expect(await pendingSteps(db)).toEqual([]);
});

test('refuses documents that lack what every reader relies on', async () => {
  const { db } = await stores.database();
  await migrate(db, options);
  await expect(db.collection('upgrades').insertOne({ kind: 'shadow' })).rejects.toThrow(/validation/i);
});

test('lets one upgrade run at a time', async () => {
  const { db } = await stores.database();
  await migrate(db, options);
  const upgrade = { kind: 'shadow', base: 'r1', state: 'starting', running: true, epoch: 1 };
  await db.collection('upgrades').insertOne({ ...upgrade });
  await expect(db.collection('upgrades').insertOne({ ...upgrade })).rejects.toMatchObject({ code: 11000 });
  await db.collection('upgrades').insertOne({ ...upgrade, state: 'failed', running: false });
  await db.collection('upgrades').insertOne({ ...upgrade, state: 'failed', running: false });
});

test('applies each step once when several run at a time', async () => {
  const { db } = await stores.database();
  let runs = 0;
  const steps: MigrationStep[] = [
    { id: 1, name: 'count', up: async () => void (runs += 1) },
    { id: 2, name: 'count again', up: async () => void (runs += 1) },
  ];
  const outcomes = await Promise.all([1, 2, 3, 4].map(() => migrate(db, { ...options, steps })));
  expect(runs).toBe(2);
  expect(outcomes.flatMap((outcome) => outcome.applied.map((step) => step.id)).sort()).toEqual([1, 2]);
});

test('goes on where a run was cut short', async () => {
  const { db } = await stores.database();
  let broken = true;
  const steps: MigrationStep[] = [
    { id: 1, name: 'first', up: async () => undefined },
    {
      id: 2,
      name: 'second',
      up: async () => {
        if (broken) throw new Error('cut short');
      },
    },
  ];
  await expect(migrate(db, { ...options, steps })).rejects.toThrow('cut short');
  broken = false;
  const { applied } = await migrate(db, { ...options, steps });
  expect(applied.map((step) => step.id)).toEqual([2]);
});

test('refuses a database that a later version has written', async () => {
  const { db } = await stores.database();
  await migrate(db, { ...options, steps: [{ id: 99, name: 'from the future', up: async () => undefined }] });
  await expect(migrate(db, options)).rejects.toMatchObject({ code: 'SCHEMA_TOO_NEW' });
});
