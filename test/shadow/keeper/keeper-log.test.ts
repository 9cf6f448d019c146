import fc from 'fast-check';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fixedBudget } from '../../../shadow/capture/disk-budget.js';
import { KeeperLog } from '../../../shadow/keeper/keeper-log.js';
import type { LogItem } from '../../../shadow/keeper/protocol.js';

const captured = (count: number): LogItem => ({ kind: 'captured', event: { kind: 'dropped', count } });
const entry = (n: number): LogItem => ({ kind: 'entry', entry: { kind: 'sending', id: String(n) } });

describe("the keeper's log", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'dharma-keeper-'));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  /** All that there is to be read now. */
  async function readNow(log: KeeperLog, wanted: number): Promise<LogItem[]> {
    const items: LogItem[] = [];
    while (items.length < wanted) items.push(...(await log.read()));
    return items;
  }

  it('tells each reader all that was captured, and what was done before it began, in order', async () => {
    const acts = fc.array(fc.constantFrom('captured', 'entry', 'reader'), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(acts, async (given) => {
        const log = new KeeperLog(join(dir, 'log'), fixedBudget(1e6));
        try {
          const all: LogItem[] = [];
          let past = 0;
          for (const [n, act] of given.entries()) {
            if (act === 'reader') {
              past = log.rewind();
              expect(past).toBe(all.length);
              continue;
            }
            const item = act === 'captured' ? captured(n) : entry(n);
            expect(log.add(item)).toBe(true);
            all.push(item);
          }
          const wanted = all.filter((item, n) => item.kind !== 'entry' || n < past);
          expect(await readNow(log, wanted.length)).toEqual(wanted);
          expect(log.isWhole).toBe(true);
          expect(await readdir(dir)).toEqual([]);
        } finally {
          log.close();
        }
      }),
      { numRuns: 60 },
    );
  });

  it('goes on as a queue without room for it, loses nothing that was captured, and says that nobody can take over', async () => {
    const log = new KeeperLog(join(dir, 'log'), fixedBudget(2000));
    log.rewind();
    const all = Array.from({ length: 100 }, (_, n) => captured(n));
    const read: LogItem[] = [];
    for (const [n, item] of all.entries()) {
      expect(log.add(entry(n))).toBe(true);
      expect(log.add(item)).toBe(true);
      if (n % 3 === 0) read.push(...(await log.read()));
    }
    expect(log.isWhole).toBe(false);
    read.push(...(await readNow(log, all.length - read.length)));
    expect(read).toEqual(all);
    log.close();
    expect(await log.read()).toEqual([]);
  });

  it('gives nothing to a reader whose process is gone, though it still waits', async () => {
    const log = new KeeperLog(join(dir, 'log'), fixedBudget(1e6));
    log.rewind();
    const gone = log.read();
    log.rewind();
    log.add(captured(1));
    expect(await gone).toEqual([]);
    expect(await log.read()).toEqual([captured(1)]);
    log.close();
  });
});
