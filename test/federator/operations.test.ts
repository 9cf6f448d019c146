import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLogger, DharmaError } from '../../common/index.js';
import { Journal } from '../../federator/operations/journal.js';
import type { Planners, Step } from '../../federator/operations/plan.js';
import { Interrupted, OperationRunner } from '../../federator/operations/runner.js';
import { Fence } from '../../federator/state/fence.js';
import { startTestStores, type TestStores } from './support/stores.js';

const log = createLogger('test', 'silent');
const never = new AbortController().signal;

let stores: TestStores;
let journal: Journal;
let count = 0;
beforeAll(async () => {
  stores = await startTestStores();
  journal = new Journal(await stores.database(), new Fence({ epoch: 1 }));
});
afterAll(() => stores.close());

/** A new operation, and a runner (as after a restart) that plans `steps` for it. */
async function operation(): Promise<string> {
  const id = `o${(count += 1)}`;
  await journal.insert({ id, kind: 'deploy', subject: 'u1', input: {} });
  return id;
}
const runner = (steps: readonly Step[]): OperationRunner =>
  new OperationRunner(journal, { deploy: async () => steps } as unknown as Planners, log);

const refused = new DharmaError({ code: 'REFUSED', message: 'no', remedy: 'none' });

describe('an operation', () => {
  test('takes its steps in order and ends', async () => {
    const id = await operation();
    const done: string[] = [];
    await runner(
      ['a', 'b'].map((name) => ({ name, doing: name, run: async () => void done.push(name) })),
    ).run(id, never);
    expect(done).toEqual(['a', 'b']);
    expect(await journal.get(id)).toMatchObject({
      state: 'done',
      steps: [{ name: 'a', state: 'done' }, { name: 'b' }],
    });
  });

  test('is written down before each step is taken', async () => {
    const id = await operation();
    let seen: unknown;
    const step = {
      name: 'a',
      doing: 'doing a',
      run: async () => void (seen = (await journal.get(id))?.steps),
    };
    await runner([step]).run(id, never);
    expect(seen).toMatchObject([{ name: 'a', state: 'running' }]);
  });

  test('takes back what it did, in reverse, when a step fails, and keeps the reason', async () => {
    const id = await operation();
    const undone: string[] = [];
    const step = (name: string, run: () => Promise<void>): Step => ({
      name,
      doing: name,
      run,
      undo: async () => void undone.push(name),
    });
    const ok = async (): Promise<void> => undefined;
    await runner([step('a', ok), step('b', ok), step('c', () => Promise.reject(refused)), step('d', ok)]).run(
      id,
      never,
    );
    expect(undone).toEqual(['c', 'b', 'a']);
    expect(await journal.get(id)).toMatchObject({ state: 'failed', error: { code: 'REFUSED' } });
  });

  test('goes on taking back when one undo fails', async () => {
    const id = await operation();
    const undone: string[] = [];
    await runner([
      { name: 'a', doing: 'a', run: async () => undefined, undo: async () => void undone.push('a') },
      {
        name: 'b',
        doing: 'b',
        run: () => Promise.reject(refused),
        undo: () => Promise.reject(new Error('stuck')),
      },
    ]).run(id, never);
    expect(undone).toEqual(['a']);
    expect((await journal.get(id))?.steps).toMatchObject([
      { name: 'b', state: 'failed' },
      { name: 'a', state: 'undone' },
    ]);
  });

  test('takes nothing back after its final step', async () => {
    const id = await operation();
    let undone = false;
    await runner([
      { name: 'a', doing: 'a', run: async () => undefined, undo: async () => void (undone = true) },
      { name: 'b', doing: 'b', run: async () => undefined, final: true },
      { name: 'c', doing: 'c', run: () => Promise.reject(refused) },
    ]).run(id, never);
    expect(undone).toBe(false);
    expect(await journal.get(id)).toMatchObject({ state: 'failed', error: { code: 'REFUSED' } });
  });

  test('turns back when it is cancelled', async () => {
    const id = await operation();
    let begun!: () => void;
    const running = new Promise<void>((resolve) => (begun = resolve));
    const undone: string[] = [];
    const waiting: Step = {
      name: 'wait',
      doing: 'waiting',
      run: (signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error));
          begun();
        }),
      undo: async () => void undone.push('wait'),
    };
    const runs = runner([waiting]);
    const ended = runs.run(id, never);
    await running;
    await runs.cancel(id, refused, never);
    await ended;
    expect(undone).toEqual(['wait']);
    expect(await journal.get(id)).toMatchObject({ state: 'failed', error: { code: 'REFUSED' } });
  });

  test('that is cancelled before its turn never begins, and what an earlier life did is taken back', async () => {
    const id = await operation();
    const happened: string[] = [];
    const death = new AbortController();
    const step = (name: string, dies: boolean): Step => ({
      name,
      doing: name,
      run: async (signal) => {
        happened.push(name);
        if (dies) death.abort();
        signal.throwIfAborted();
      },
      undo: async () => void happened.push(`undo ${name}`),
    });
    await expect(
      runner([step('a', false), step('b', true), step('c', false)]).run(id, death.signal),
    ).rejects.toThrow(Interrupted);
    const resumed = runner([step('a', false), step('b', false), step('c', false)]);
    await resumed.cancel(id, refused, never);
    await resumed.run(id, never); // Its turn, which comes later.
    expect(happened).toEqual(['a', 'b', 'undo b', 'undo a']);
    expect(await journal.get(id)).toMatchObject({ state: 'failed', error: { code: 'REFUSED' } });
  });

  test('says that a failure nobody foresaw is a bug', async () => {
    const id = await operation();
    await runner([{ name: 'a', doing: 'a', run: () => Promise.reject(new TypeError('x of undefined')) }]).run(
      id,
      never,
    );
    expect(await journal.get(id)).toMatchObject({ state: 'failed', error: { code: 'INTERNAL' } });
  });
});

/**
 * A world of steps that are on or off, and a federator that dies (is interrupted) at chosen places: whatever the places,
 * the runs after it bring the world to all on, or, where a step fails, to all off.
 */
test('wherever it is cut short, the next runs end it done or undone', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ at: fc.nat(3), after: fc.boolean() }), { maxLength: 4 }),
      fc.option(fc.nat(3), { nil: undefined }),
      async (cuts, failing) => {
        const id = await operation();
        const world = [false, false, false, false];
        const left = [...cuts];
        for (let life = 0; life <= cuts.length; life += 1) {
          const death = new AbortController();
          const dies = (at: number, after: boolean): void => {
            const cut = left[0];
            if (cut?.at !== at || cut.after !== after) return;
            left.shift();
            death.abort();
          };
          const steps = world.map((_, at): Step => ({
            name: `s${at}`,
            doing: `step ${at}`,
            run: async (signal) => {
              dies(at, false);
              signal.throwIfAborted();
              if (failing === at) throw refused;
              world[at] = true;
              dies(at, true);
              signal.throwIfAborted();
            },
            undo: async () => void (world[at] = false),
          }));
          await runner(steps)
            .run(id, death.signal)
            .catch((error: unknown) => {
              if (!(error instanceof Interrupted)) throw error;
            });
        }
        expect(world).toEqual(world.map(() => failing === undefined));
        expect((await journal.get(id))?.state).toBe(failing === undefined ? 'done' : 'failed');
      },
    ),
    { numRuns: 40 },
  );
});
