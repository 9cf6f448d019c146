import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DharmaError } from '../../../common/index.js';
import { checkRoom, roomFor } from '../../../shadow/room/check.js';
import { grown, roomNeeded, type LiveSizes } from '../../../shadow/room/sizes.js';

const MB = 2 ** 20;
const bytes = fc.integer({ min: 0, max: 2 ** 40 });
const mongo = fc.record({
  dataBytes: bytes,
  storageBytes: bytes,
  documents: fc.integer({ min: 0, max: 1e9 }),
  indexEntries: fc.integer({ min: 0, max: 1e9 }),
  copiedTo: fc.constantFrom('mongod' as const, 'embedded' as const),
});
const live: fc.Arbitrary<LiveSizes> = fc.record({
  mongo: fc.option(mongo, { nil: undefined }),
  redis: fc.option(fc.record({ memoryBytes: bytes }), { nil: undefined }),
  folderBytes: bytes,
});
const copies = fc.record({
  arms: fc.constantFrom(2, 4),
  golden: fc.constantFrom('made' as const, 'to be made' as const),
  cacheBytes: fc.integer({ min: 0, max: 2 ** 33 }),
});
const free = fc.record({ disk: bytes, memory: bytes });

describe('the room that copies take', () => {
  it('is never less for more arms, for more data, or before golden is made', () => {
    fc.assert(
      fc.property(live, copies, bytes, bytes, (sizes, which, mongoBytes, redisBytes) => {
        const needed = roomNeeded(sizes, which);
        for (const more of [
          roomNeeded(sizes, { ...which, arms: which.arms + 1 }),
          roomNeeded(sizes, { ...which, golden: 'to be made' }),
          roomNeeded(grown(sizes, { mongoBytes, redisBytes }), which),
        ]) {
          expect(more.disk).toBeGreaterThanOrEqual(needed.disk);
          expect(more.memory).toBeGreaterThanOrEqual(needed.memory);
        }
      }),
    );
  });

  it('is at least each copy of the data itself', () => {
    const sizes: LiveSizes = {
      mongo: {
        ...{ dataBytes: 100 * MB, storageBytes: 40 * MB, documents: 100_000, indexEntries: 300_000 },
        copiedTo: 'embedded',
      },
      redis: { memoryBytes: 50 * MB },
      folderBytes: 10 * MB,
    };
    const needed = roomNeeded(sizes, { arms: 4, golden: 'to be made', cacheBytes: 0 });
    // Golden, golden's Mongo at rest, and four arms.
    expect(needed.disk).toBeGreaterThan(6 * 100 * MB + 5 * 60 * MB);
    expect(needed.memory).toBeGreaterThan(5 * (50 * MB + 100_000 * 700 + 300_000 * 350));
    const compressed = { ...sizes, mongo: { ...sizes.mongo!, copiedTo: 'mongod' as const } };
    expect(roomNeeded(compressed, { arms: 4, golden: 'to be made', cacheBytes: 0 }).disk).toBeLessThan(
      needed.disk,
    );
  });

  it('is refused exactly where it is more than what may be taken of disk and memory', () => {
    fc.assert(
      fc.property(live, copies, free, (sizes, which, room) => {
        const needed = roomNeeded(sizes, which);
        const may = roomFor(room);
        const fits = needed.disk <= may.disk && needed.memory <= may.memory;
        const check = (): void =>
          checkRoom({ live: sizes, copies: which, free: room, dir: '/copies', when: 'before' });
        if (fits) check();
        else expect(check).toThrow(DharmaError);
      }),
    );
  });

  it('tells what there is, what is short, and what would fit', () => {
    const sizes: LiveSizes = {
      mongo: undefined,
      redis: { memoryBytes: 100 * MB },
      folderBytes: 0,
    };
    const which = { arms: 4, golden: 'to be made' as const, cacheBytes: 0 };
    const told = (memory: number): DharmaError => {
      try {
        checkRoom({
          ...{ live: sizes, copies: which, dir: '/copies', when: 'before' },
          free: { disk: 2 ** 40, memory },
        });
      } catch (error) {
        return error as DharmaError;
      }
      throw new Error('it was taken to fit');
    };
    expect(told(400 * MB)).toMatchObject({
      code: 'STORE_TOO_LARGE',
      message: "the copies of live's stores need about 550 MB of memory, and this machine can give 360 MB",
      found: 'Redis 100 MB; to be copied for golden and 4 arms',
      remedy: 'Free some memory or use a larger machine, or use --arms 1x1, which fits.',
    });
    expect(told(300 * MB).remedy).toBe('Free some memory or use a larger machine.');
  });
});
