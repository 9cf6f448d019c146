import { compare, type Contender } from '../compare.js';
import type { WorkName } from '../rehearsal/messages.js';
import { Worker } from '../rehearsal/worker.js';
import type { Entry, EntryContext, EntryResult } from './entry.js';

const CONTENDERS: readonly (readonly [WorkName, string])[] = [
  ['judge', 'judge'],
  ['parse', 'JSON.parse of the answers alone'],
  ['deep-diff', 'JSON.parse and deep-diff'],
];

const NOTES = [
  "an exchange is four requests in the arms' words, and live's and the arms' five JSON answers of 1.9 KB, each with four" +
    ' ids and a time of its own; errors are requests in wrong words and answers not found the same',
  'deep-diff compares as well as it can what holds other ids everywhere: it neither knows ids nor noise',
];

async function compareJudge(context: EntryContext): Promise<EntryResult> {
  const workers = CONTENDERS.map(([work]) => new Worker(work));
  try {
    const contenders = CONTENDERS.map<Contender>(([, name], i) => ({
      name,
      measure: (seconds) => workers[i]!.run({ seconds }),
    }));
    const effort = { ...context.effort, connections: 1 };
    const comparison = await compare(contenders, effort, (done) =>
      context.say(`judge: round ${done} of ${effort.rounds}`),
    );
    return { entry: 'judge', load: 'exchanges made up in memory', effort, notes: NOTES, ...comparison };
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
  }
}

export const judgeEntry: Entry = {
  name: 'judge',
  about: "the shadow's judge (correlation and comparison) against JSON.parse and deep-diff",
  run: compareJudge,
};
