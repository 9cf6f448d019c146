import { Agent, request } from 'node:http';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../common/index.js';
import { Federation } from '../federation.js';
import { spreadOf } from '../statistics.js';
import type { Entry, EntryContext, EntryResult } from './entry.js';

/** Visitors that ask again as soon as they have an answer: they see the flip to the millisecond. */
const VISITORS = 8;
/** Visitors are there before the command and after it, ms. */
const BEFORE_MS = 300;
const DEADLINE_MS = 120_000;

/** Its answer says which release gave it. */
const APP = `
import { createServer } from 'node:http';
import { word } from './word.js';
createServer((request, response) => response.end(word)).listen(Number(process.env.PORT), process.env.HOST);
process.once('SIGTERM', () => process.exit(0));
`;

interface Answer {
  /** When it had come, performance.now(). */
  readonly at: number;
  readonly word: string | undefined;
}

async function writeApp(folder: string, word: string): Promise<string> {
  const dir = join(folder, `app-${word}`);
  await mkdir(dir, { recursive: true });
  const files = {
    'package.json': JSON.stringify({ name: 'tiny', version: '1.0.0', type: 'module', main: 'main.js' }),
    'dharma.json': JSON.stringify({ name: 'tiny', routes: [{ pattern: '/', test: { path: '/' } }] }),
    'main.js': APP,
    'word.js': `export const word = ${JSON.stringify(word)};\n`,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text);
  return dir;
}

/** One answer's word; undefined for anything but a 200. */
function ask(url: string, agent: Agent): Promise<string | undefined> {
  return new Promise((resolve) => {
    const call = request(url, { agent }, (answer) => {
      let text = '';
      answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
      answer.once('error', () => resolve(undefined));
      answer.once('end', () => resolve(answer.statusCode === 200 ? text : undefined));
    });
    call.once('error', () => resolve(undefined));
    call.end();
  });
}

/** Rolls a promoted release back under load. Times are ms since the command was sent. */
async function rollBack(
  federation: Federation,
): Promise<{ firstOld: number; lastNew: number; done: number; failed: number }> {
  const agent = new Agent({ keepAlive: true, maxSockets: VISITORS });
  const answers: Answer[] = [];
  const stop = new AbortController();
  const visitors = Promise.all(
    Array.from({ length: VISITORS }, async () => {
      while (!stop.signal.aborted) {
        const word = await ask(federation.edgeUrl, agent);
        answers.push({ at: performance.now(), word });
        await systemClock.sleep(1);
      }
    }),
  );
  try {
    const client = await federation.client();
    await systemClock.sleep(BEFORE_MS);
    const sent = performance.now();
    const signal = AbortSignal.timeout(DEADLINE_MS);
    await client.follow(await client.rollback(signal), () => undefined, signal);
    const done = performance.now() - sent;
    await systemClock.sleep(BEFORE_MS);
    const at = (word: string): number[] => answers.filter((a) => a.word === word).map((a) => a.at - sent);
    const failed = answers.filter(({ word }) => word === undefined).length;
    return { firstOld: Math.min(...at('old')), lastNew: Math.max(...at('new')), done, failed };
  } finally {
    stop.abort();
    await visitors;
    agent.destroy();
  }
}

async function run(context: EntryContext): Promise<EntryResult> {
  context.say('rollback: bringing up a federation');
  const [old, fresh] = [await writeApp(context.folder, 'old'), await writeApp(context.folder, 'new')];
  const federation = await Federation.start(context.folder, old);
  try {
    const client = await federation.client();
    const rounds: Awaited<ReturnType<typeof rollBack>>[] = [];
    for (let round = 1; round <= context.effort.rounds; round++) {
      const signal = AbortSignal.timeout(DEADLINE_MS);
      await client.follow(await client.deploy({ app: fresh }, signal), () => undefined, signal);
      rounds.push(await rollBack(federation));
      context.say(`rollback: round ${round} of ${context.effort.rounds}`);
    }
    const failed = rounds.reduce((sum, round) => sum + round.failed, 0);
    return {
      entry: 'rollback',
      load: `${VISITORS} visitors that never rest`,
      effort: { ...context.effort, connections: VISITORS },
      figures: [],
      ratios: [],
      times: [
        {
          name: 'command sent → first answer of the old release',
          ms: spreadOf(rounds.map((r) => r.firstOld)),
        },
        { name: 'command sent → last answer of the new release', ms: spreadOf(rounds.map((r) => r.lastNew)) },
        { name: 'command sent → the rollback has ended', ms: spreadOf(rounds.map((r) => r.done)) },
      ],
      notes: [`${failed} requests failed`],
    };
  } finally {
    await federation.stop();
  }
}

export const rollbackEntry: Entry = {
  name: 'rollback',
  about: 'how long a rollback after a promotion takes to reach visitors, under load',
  run,
};
