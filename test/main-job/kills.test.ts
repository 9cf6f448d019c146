import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DharmaError, systemClock } from '../../common/index.js';
import type { UpgradeState } from '../../federator/state/documents.js';
import { KilledFederation, VICTIMS, type Victim } from './kills/federation.js';
import type { Moment } from './kills/journal-relay.js';
import { stepsOf, WAYS, type Way } from './kills/steps.js';
import { NumberedVisitor, VISITORS, Visitors } from './kills/visitors.js';
import { whole } from './kills/whole.js';

/**
 * Whatever is killed at whatever step of an upgrade: the step is done or undone afterwards, and nothing is left half.
 * By default a few kills of each kind; DHARMA_ALL_KILLS=1 is the whole matrix (hours), DHARMA_ALL_KILLS=federator,arm
 * the rows of these victims.
 */
const ASKED = process.env.DHARMA_ALL_KILLS ?? '';

/** On a machine that is shared by many; it only ends what hangs. */
const DEADLINE_MS = 900_000;

interface Kill {
  readonly way: Way;
  readonly step: string;
  readonly moment: Moment;
  readonly victim: Victim;
}

const named = (text: string): Kill => {
  const [way, step, moment, victim] = text.split(' / ') as [Way, string, Moment, Victim];
  return { way, step, moment, victim };
};

/** One of each kind, at the steps where most is under way. */
const CHOSEN: readonly Kill[] = [
  'shadow-start / worker / written / federator',
  'promote / promoting / written / worker',
  'rollback / flip-back / written / agent',
  'deploy / flip:blue / taken / federator',
  'deploy of configs / flip:blue / taken / federator',
  'rollback of configs / flip-back / written / federator',
].map(named);

const states: Readonly<Record<Way, { readonly done: UpgradeState[]; readonly undone: UpgradeState[] }>> = {
  'shadow-start': { done: ['shadowing'], undone: ['failed', 'stopped'] },
  'shadow-stop': { done: ['stopped'], undone: ['shadowing'] },
  promote: { done: ['promoted'], undone: ['shadowing', 'stopped'] },
  rollback: { done: ['rolled-back'], undone: ['promoted'] },
  'rollback before promotion': { done: ['rolled-back', 'failed'], undone: ['shadowing'] },
  deploy: { done: ['promoted'], undone: ['failed'] },
  'deploy of configs': { done: ['promoted'], undone: ['failed'] },
  'rollback of configs': { done: ['rolled-back'], undone: ['promoted'] },
};

async function matrix(): Promise<Kill[]> {
  if (ASKED === '') return [...CHOSEN];
  const victims = ASKED === '1' ? VICTIMS : VICTIMS.filter((victim) => ASKED.split(',').includes(victim));
  const kills: Kill[] = [];
  for (const way of WAYS)
    for (const step of await stepsOf(way))
      for (const victim of victims)
        // Between the taking and the noting of a step only the federator's own memory can be lost.
        for (const moment of ['federator', 'supervisor'].includes(victim)
          ? (['written', 'taken'] as const)
          : (['written'] as const))
          kills.push({ way, step, moment, victim });
  return kills;
}

const kills = await matrix();
const signal = new AbortController().signal;

describe('an upgrade', () => {
  let federation: KilledFederation;
  let visitors: Visitors;
  let extra = 0;
  beforeAll(async () => {
    federation = await KilledFederation.start();
    visitors = new Visitors(federation.url);
  });
  afterAll(async () => {
    await visitors?.stop();
    await federation?.close();
  });

  test('has the kills chosen at steps that there are', async () => {
    for (const { way, step } of CHOSEN) expect(await stepsOf(way)).toContain(step);
  });

  test('moves the traffic there and back without a failed request', async () => {
    visitors.take();
    await run('deploy');
    await run('rollback');
    const seen = visitors.take();
    expect(seen.failed).toEqual([]);
    expect(seen.served).toBeGreaterThan(0);
    await whole(federation);
  });

  test.each(
    kills.map((kill) => [`${kill.way} / ${kill.step} / ${kill.moment} / ${kill.victim}`, kill] as const),
  )('is done or undone: %s', { timeout: DEADLINE_MS }, async (_, { way, step, moment, victim }) => {
    await come(way);
    visitors.take();
    let met = false;
    const killed = federation.relay.trap(step, moment, async () => {
      met = await federation.kill(victim);
    });
    const outcome = run(way).catch((error: unknown) => error);
    await Promise.race([killed, outcome.then((error) => Promise.reject(neverCame(step, error)))]);
    if (victim === 'supervisor') await federation.up();
    const error = await outcome;
    const { state } = await whole(federation);
    const { done, undone } = states[way];
    // Both clusters have the new config, or both the old one.
    const { clusters } = await (await federation.client()).status(signal);
    expect(new Set(clusters.map(({ config }) => Object.keys(config.env as object).join())).size).toBe(1);
    expect(error === undefined ? done : [...done, ...undone], String(error)).toContain(state);
    checkVisitors(met ? victim : undefined);
    process.stderr.write(`${way} / ${step} / ${moment} / ${victim}: ${met ? state : 'nobody there'}\n`);
  });

  test(
    'asks an arm for nothing twice, however often the worker is killed',
    { timeout: DEADLINE_MS },
    async () => {
      // Their requests would only stand before the numbered ones in each worker's queue.
      await visitors.stop();
      await come('shadow-start');
      await run('shadow-start');
      const numbered = new NumberedVisitor(federation.url);
      const lives: ReadonlyMap<string, readonly string[]>[] = [];
      // How much the arms of each worker are asked before it is killed. Each restart is waited for longer.
      const lifetimes = ASKED === '' ? [40, 20] : [3, 40, 11, 90, 20];
      try {
        for (const enough of lifetimes) {
          // The next worker clears away what the last one left, before it has arms of its own.
          if (lives.length > 0)
            while (leastOf(await federation.askedOfArms()) > 0) await systemClock.sleep(50);
          while (leastOf(await federation.askedOfArms()) < enough) await systemClock.sleep(50);
          if (lives.length < lifetimes.length - 1) expect(await federation.kill('worker')).toBe(true);
          lives.push(await federation.askedOfArms());
        }
      } finally {
        await numbered.stop();
      }
      for (const arm of lives[0]!.keys()) {
        // Of all its lives: what one worker had replayed, or was just replaying, no later one replays.
        const asked = lives.flatMap((life) => life.get(arm) ?? []);
        expect(asked.length).toBeGreaterThanOrEqual(lifetimes.reduce((sum, enough) => sum + enough));
        expect(asked.filter((page, i) => asked.indexOf(page) !== i)).toEqual([]);
      }
      await run('rollback');
      await whole(federation);
    },
  );

  /**
   * Promised: whoever only decides (federator, shadow, the federation's own stores) costs no request; a cluster's agent
   * or proxy costs at most those that were open in it; without the edge or the supervisor nobody answers until it is back.
   */
  function checkVisitors(victim: Victim | undefined): void {
    const { failed } = visitors.take();
    if (victim === 'edge' || victim === 'supervisor') return;
    if (victim === 'proxy') expect(failed.length, failed.join('\n')).toBeLessThanOrEqual(VISITORS);
    else expect(failed).toEqual([]);
  }

  /** Brings the federation to where the way begins. */
  async function come(way: Way): Promise<void> {
    const { state } = await whole(federation);
    if (state === 'promoted') await run('rollback');
    if (way === 'rollback' || way === 'rollback of configs') {
      await run(way === 'rollback' ? 'deploy' : 'deploy of configs');
      return;
    }
    const shadowed = way !== 'shadow-start' && way !== 'deploy' && way !== 'deploy of configs';
    if (shadowed && state !== 'shadowing') await run('shadow-start');
    if (!shadowed && state === 'shadowing') await run('rollback');
  }

  async function run(way: Way): Promise<void> {
    const client = await federation.client();
    const operation = await begin(way, client);
    await client.follow(operation, () => undefined, signal);
  }

  /** Every answer says another word in the new release: the differences, once they are told. */
  async function differing(client: Awaited<ReturnType<KilledFederation['client']>>): Promise<string[]> {
    const deadline = AbortSignal.timeout(60_000);
    for (;;) {
      const { report } = await client.shadow('current', deadline);
      if (report !== null && report.differences.length > 0) return report.differences.map(({ id }) => id);
      await systemClock.sleep(50, deadline);
    }
  }

  async function begin(way: Way, client: Awaited<ReturnType<KilledFederation['client']>>): Promise<string> {
    switch (way) {
      case 'deploy':
        return client.deploy({ app: await federation.app('deployed') }, signal);
      case 'deploy of configs':
        return client.deploy(
          { config: { nodes: 1, measure: false, env: { EXTRA: String(++extra) } } },
          signal,
        );
      case 'shadow-start':
        return client.startShadow({ change: { env: { WORD: 'new' } }, arms: '1x1', unguarded: true }, signal);
      case 'shadow-stop':
        return client.stopShadow(signal);
      case 'promote':
        return client.promote({ yes: true, despite: await differing(client) }, signal);
      case 'rollback':
      case 'rollback of configs':
      case 'rollback before promotion':
        return client.rollback(signal);
    }
  }
});

function neverCame(step: string, error: unknown): Error {
  const why = error instanceof DharmaError ? JSON.stringify(error.toJSON()) : String(error);
  return new Error(`the operation ended (${why}) and never came to the step "${step}"`);
}

/** How often the arm was asked that was asked least; 0 before there are two. */
function leastOf(asked: ReadonlyMap<string, readonly string[]>): number {
  return asked.size < 2 ? 0 : Math.min(...[...asked.values()].map((pages) => pages.length));
}
