import { Worker } from '../rehearsal/worker.js';
import type { BoutResult } from '../rehearsal/messages.js';
import type { Entry, EntryContext, EntryResult } from './entry.js';

/** A round's: with them every table of the judge's has been full after two, and a million are twenty rounds. */
const EXCHANGES = 50_000;

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);

/** What the judge keeps while it sees ever new ids: after each round, and a full collection. */
async function measureMemory(context: EntryContext): Promise<EntryResult> {
  const worker = new Worker('judge');
  const results: BoutResult[] = [];
  try {
    for (let round = 1; round <= context.effort.rounds; round += 1) {
      results.push(await worker.run({ requests: EXCHANGES }));
      context.say(`memory: round ${round} of ${context.effort.rounds}`);
    }
  } finally {
    await worker.stop();
  }
  const rows = results.map((result, i) => [
    String((i + 1) * EXCHANGES),
    megabytes(result.heapBytes),
    megabytes(result.externalBytes),
    megabytes(result.rssBytes),
    ((result.cpuSeconds / result.requests) * 1e6).toFixed(0),
    String(result.errors),
  ]);
  return {
    entry: 'memory',
    load: 'one judge, exchanges made up in memory, each with ids of its own',
    effort: { ...context.effort, connections: 1 },
    figures: [],
    ratios: [],
    tables: [{ head: ['exchanges', 'heap MB', 'external MB', 'RSS MB', 'CPU µs/exchange', 'errors'], rows }],
    notes: ['heap and external: after a full collection, with a batch of 500 exchanges that wait'],
  };
}

export const memoryEntry: Entry = {
  name: 'memory',
  about: `what the shadow's judge keeps, after each round of ${EXCHANGES} exchanges (--rounds 20: a million)`,
  run: measureMemory,
};
