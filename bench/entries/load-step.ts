import { Agent, request } from 'node:http';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../common/index.js';
import { Federation } from '../federation.js';
import type { Entry, EntryContext, EntryResult } from './entry.js';

/** How long a request keeps its node, ms: a timer's, so that nodes on one machine are as good as machines of their own. */
const HOLDS_MS = 20;
/** Requests a second: three in five of what a node can do, and four times as many. */
const CALM = 30;
const STEP = 4 * CALM;
const TICK_S = 10;
const CALM_S = 3 * TICK_S;
const STEP_S = 8 * TICK_S;
/** No answer within this is a failure. */
const DEADLINE_MS = 30_000;

const APP = `
import { createServer } from 'node:http';
let last = Promise.resolve();
createServer((request, response) => {
  last = last.then(() => new Promise((done) => setTimeout(done, ${HOLDS_MS})));
  void last.then(() => response.end('ok'));
}).listen(Number(process.env.PORT), process.env.HOST);
process.once('SIGTERM', () => process.exit(0));
`;

interface Asked {
  /** When it was sent, s from the step, and how long its answer took, ms; undefined: none came. */
  readonly at: number;
  readonly ms: number | undefined;
}

async function writeApp(folder: string): Promise<string> {
  const dir = join(folder, 'app');
  await mkdir(dir, { recursive: true });
  const routes = [{ pattern: '/', methods: ['GET'], test: { path: '/' } }];
  await writeFile(join(dir, 'main.js'), APP);
  await writeFile(join(dir, 'dharma.json'), JSON.stringify({ name: 'tiny', routes }));
  await writeFile(
    join(dir, 'package.json'),
    JSON.stringify({ name: 'tiny', version: '1.0.0', type: 'module', main: 'main.js' }),
  );
  return dir;
}

function ask(url: string, agent: Agent): Promise<number | undefined> {
  const begun = performance.now();
  return new Promise((resolve) => {
    const call = request(url, { agent, timeout: DEADLINE_MS }, (answer) => {
      answer.resume();
      answer.once('error', () => resolve(undefined));
      answer.once('end', () => resolve(answer.statusCode === 200 ? performance.now() - begun : undefined));
    });
    call.once('timeout', () => call.destroy());
    call.once('error', () => resolve(undefined));
    call.end();
  });
}

/** Requests at fixed moments whether answers come or not, for a calm time and then a step. */
async function stepUp(url: string): Promise<Asked[]> {
  const agent = new Agent({ keepAlive: true });
  const moments = [
    ...Array.from({ length: CALM * CALM_S }, (_, i) => -CALM_S + i / CALM),
    ...Array.from({ length: STEP * STEP_S }, (_, i) => i / STEP),
  ];
  const begun = performance.now();
  const asked: Promise<Asked>[] = [];
  for (const at of moments) {
    const wait = begun + (at + CALM_S) * 1000 - performance.now();
    if (wait > 0) await systemClock.sleep(wait);
    asked.push(ask(url, agent).then((ms) => ({ at, ms })));
  }
  const all = await Promise.all(asked);
  agent.destroy();
  return all;
}

function p99(asked: readonly Asked[]): number {
  const sorted = asked.map(({ ms }) => ms ?? DEADLINE_MS).sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.99))] ?? 0;
}

async function run({ folder, effort, say }: EntryContext): Promise<EntryResult> {
  const federation = await Federation.start(folder, await writeApp(folder), {
    nodes: 1,
    maxNodes: 8,
    reconfigure: `${TICK_S}s`,
  });
  try {
    say(`load-step: ${CALM} requests a second, then ${STEP}`);
    const asked = await stepUp(federation.edgeUrl);
    const api = await federation.client();
    const { signal } = new AbortController();
    const target = (await api.endpoints('blue', signal))[0]?.endpoints[0]?.target ?? 0;
    const why = (await api.explanations('last', 'blue', signal)).clusters[0]?.reasons[0] ?? '';
    const ticks = Array.from({ length: (CALM_S + STEP_S) / TICK_S }, (_, i) => -CALM_S + i * TICK_S);
    const rows = ticks.map((from) => {
      const within = asked.filter(({ at }) => at >= from && at < from + TICK_S);
      const slow = p99(within);
      const failed = within.filter(({ ms }) => ms === undefined).length;
      return [
        `${from} s`,
        String(within.length),
        slow.toFixed(0),
        slow <= target ? 'yes' : 'no',
        String(failed),
      ];
    });
    return {
      entry: 'load-step',
      load: `${CALM} requests a second to one node, then ${STEP}; the size is decided every ${TICK_S} s`,
      effort,
      figures: [],
      ratios: [],
      tables: [{ head: ['from the step', 'requests', 'p99 ms', 'within the target', 'failed'], rows }],
      notes: [
        `target: median within ${target.toFixed(0)} ms (waitMultiplier × perfAvg); the table holds the p99 to it`,
        `a request keeps its node for ${HOLDS_MS} ms by a timer: nodes of one machine are as good as machines of their own`,
        `at the end: ${why}`,
      ],
    };
  } finally {
    await federation.stop();
  }
}

export const loadStepEntry: Entry = {
  name: 'load-step',
  about: 'a cluster that is sized, live: how soon four times the load is absorbed',
  run,
};
