import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compiled } from './compiled.js';

const LIVE = 1_600_000_000_000;
const ID = '00000000000000f1';
type Answer = Record<string, unknown> & { uuid: string[]; ints: number[]; dates: number[] };

describe('the determinism preload', () => {
  let dir: string;
  const apps: ChildProcess[] = [];
  const ports: Record<string, number> = {};

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'dharma-determinism-'));
    const execArgv = await compiled(dir, 'context', 'determinism');
    for (const [name, seed] of Object.entries({ oldA: 'a', newA: 'a', oldB: 'b' })) {
      const app = fork(new URL('random-app.mjs', import.meta.url), { execArgv, env: { DHARMA_SEED: seed } });
      apps.push(app);
      [ports[name]] = (await once(app, 'message')) as [number];
    }
  });
  afterAll(async () => {
    for (const app of apps) app.kill('SIGKILL');
    await rm(dir, { recursive: true, force: true });
  });

  const ask = async (app: string, id?: string, path = '/'): Promise<Answer> => {
    const headers = id === undefined ? {} : { 'dharma-exchange': id, 'dharma-time': String(LIVE) };
    const answer = await request(`http://127.0.0.1:${ports[app]}${path}`, { headers });
    return (await answer.body.json()) as Answer;
  };

  it('gives arms of one letter the same, and of another letter other randomness', async () => {
    const [oldA, newA, oldB] = [await ask('oldA', ID), await ask('newA', ID), await ask('oldB', ID)];
    expect(newA).toEqual(oldA);
    for (const part of ['math', 'uuid', 'bytes']) expect(oldB[part]).not.toEqual(oldA[part]);
    expect(oldB.dates).toEqual(oldA.dates);
  });

  it('gives each exchange its own, and each value once', async () => {
    const ids = Array.from({ length: 20 }, (_, i) => i.toString(16).padStart(16, 'a'));
    const answers = await Promise.all(ids.map((id) => ask('oldA', id)));
    const uuids = answers.flatMap(({ uuid }) => uuid);
    expect(new Set(uuids).size).toBe(80);
    for (const uuid of uuids)
      expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    for (const { ints } of answers) {
      expect(ints[0]).toBeGreaterThanOrEqual(0);
      expect(ints[0]).toBeLessThan(1000);
      expect(ints[1]).toBe(5);
      expect([1, 2, 3, 4, 5, 6]).toContain(ints[2]);
    }
  });

  it('stands at live’s time while a handler runs, and Date is Date in all else', async () => {
    const { dates, stoodStill, kinds, objectIdTime } = await ask('oldA', ID);
    expect(dates).toEqual([LIVE, LIVE, LIVE, LIVE]);
    expect(stoodStill).toBe(true);
    expect(kinds).toEqual([true, 5, '2020-01-01T00:00:00.000Z', 'string', 1577836800000, true, 7]);
    expect(objectIdTime).toBe(LIVE);
  });

  it('lets the time move for a handler that takes long', async () => {
    expect((await ask('oldA', ID, '/wait')).now).toBeGreaterThan(LIVE);
  });

  it('leaves everything real outside of an exchange', async () => {
    const [one, two] = [await ask('oldA'), await ask('newA')];
    expect(one.uuid).not.toEqual(two.uuid);
    expect(one.math).not.toEqual(two.math);
    expect(one.dates[0]).toBeGreaterThan(LIVE + 1e9);
  });
});
