import { existsSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SpillQueue } from '../../../shadow/capture/spill-queue.js';

const MEGABYTE = 1024 * 1024;

describe('spill queue', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'dharma-spill-'));
  });
  afterEach(async () => {
    await rm(dir, { recursive: true, force: true });
  });

  it('keeps the order through memory and file, and every kind of value', async () => {
    const queue = new SpillQueue<{ n: number; at: bigint; body: Uint8Array }>(join(dir, 'q'), 100 * MEGABYTE);
    const body = new Uint8Array(MEGABYTE).fill(7);
    for (let n = 0; n < 30; n += 1)
      expect(queue.push({ n, at: BigInt(n) << 60n, body }, MEGABYTE)).toBe(true);
    expect(statSync(join(dir, 'q')).mode & 0o777).toBe(0o600);
    for (let n = 0; n < 20; n += 1) expect(await queue.next()).toMatchObject({ n, at: BigInt(n) << 60n });
    for (let n = 30; n < 40; n += 1) expect(queue.push({ n, at: 0n, body }, MEGABYTE)).toBe(true);
    for (let n = 20; n < 40; n += 1) expect((await queue.next())?.n).toBe(n);
    expect(queue.length).toBe(0);
    // The file gives its room back once it is read.
    expect(statSync(join(dir, 'q')).size).toBe(0);
    queue.close();
    expect(existsSync(join(dir, 'q'))).toBe(false);
    expect(await queue.next()).toBeUndefined();
  });

  it('refuses what the budget has no room for', () => {
    const queue = new SpillQueue<Uint8Array>(join(dir, 'q'), 3 * MEGABYTE);
    const pushed = Array.from({ length: 15 }, () => queue.push(new Uint8Array(MEGABYTE), MEGABYTE));
    expect(pushed.filter(Boolean)).toHaveLength(10);
    expect(pushed.slice(10).every((fits) => !fits)).toBe(true);
    queue.close();
  });

  it('waits for what comes', async () => {
    const queue = new SpillQueue<string>(join(dir, 'q'), MEGABYTE);
    const next = queue.next();
    queue.push('a', 1);
    expect(await next).toBe('a');
    const last = queue.next();
    queue.end();
    expect(await last).toBeUndefined();
    queue.close();
  });
});
