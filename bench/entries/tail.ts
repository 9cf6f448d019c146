import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startDharma, startHaproxy, type Subject } from '../subject.js';
import { poisson, sendAll, type Answer, type Arrival } from '../open-loop.js';
import { quantile, ratios, spreadOf, spreadText } from '../statistics.js';
import type { Entry, EntryContext, EntryResult } from './entry.js';

/** Asked for equally often. Work on a node at full speed, ms. */
const ENDPOINTS = [
  { path: '/5', ms: 5 },
  { path: '/40', ms: 40 },
  { path: '/400', ms: 400 },
] as const;
/** How fast each node is. */
const SPEEDS = [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5] as const;
const LOAD = 0.7;
/** A hundredth of the requests must be enough of them to have a 99th percentile. */
const LEAST_SECONDS = 60;

const meanMs = ENDPOINTS.reduce((sum, { ms }) => sum + ms, 0) / ENDPOINTS.length;
const rate = (LOAD * SPEEDS.reduce((sum, speed) => sum + speed, 0) * 1000) / meanMs;

const somePath = (): string => ENDPOINTS[Math.floor(Math.random() * ENDPOINTS.length)]!.path;

/** A node that does one thing at a time: what comes meanwhile waits its turn. */
async function startNode(speed: number): Promise<Server> {
  let free = 0;
  const server = createServer((request, response) => {
    const { ms } = ENDPOINTS.find(({ path }) => path === request.url) ?? ENDPOINTS[0];
    const now = performance.now();
    free = Math.max(free, now) + ms / speed;
    setTimeout(() => response.end('x'), free - now);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return server;
}

/** One proxy before nodes of its own. */
async function answersOf(
  start: (ports: readonly number[]) => Promise<Subject>,
  arrivals: readonly Arrival[],
): Promise<Answer[]> {
  const nodes = await Promise.all(SPEEDS.map(startNode));
  try {
    const subject = await start(nodes.map((node) => (node.address() as AddressInfo).port));
    try {
      return await sendAll(subject.port, arrivals);
    } finally {
      await subject.stop();
    }
  } finally {
    for (const node of nodes) {
      node.closeAllConnections();
      node.close();
    }
  }
}

interface Column {
  readonly name: string;
  readonly start: (ports: readonly number[]) => Promise<Subject>;
  readonly rounds: Answer[][];
}

async function run(context: EntryContext): Promise<EntryResult> {
  const { rounds } = context.effort;
  const seconds = Math.max(LEAST_SECONDS, context.effort.seconds);
  const routes = ENDPOINTS.map(({ path }) => ({ pattern: path }));
  const columns: Column[] = [
    {
      name: 'dharma',
      start: (ports) => startDharma('dharma', context.folder, ports, { routes }),
      rounds: [],
    },
  ];
  const notes: string[] = [];
  if (await haproxyRuns(context))
    columns.push({
      name: 'HAProxy leastconn',
      start: async (ports) => (await startHaproxy(context.folder, ports))!,
      rounds: [],
    });
  else notes.push('HAProxy is not installed');
  for (let round = 1; round <= rounds; round++) {
    context.say(`tail: round ${round} of ${rounds}`);
    const arrivals = poisson(rate, seconds, somePath);
    const all = await Promise.all(columns.map(({ start }) => answersOf(start, arrivals)));
    for (const [i, column] of columns.entries()) column.rounds.push(all[i]!);
  }
  return {
    entry: 'tail',
    load: `${rate.toFixed(0)} Poisson arrivals a second, open loop, ${rounds} rounds of ${seconds} s; ms, median (min – max)`,
    effort: context.effort,
    figures: [],
    ratios: [],
    tables: [tableOf(columns)],
    notes,
  };
}

async function haproxyRuns({ folder }: EntryContext): Promise<boolean> {
  const subject = await startHaproxy(folder, [1]);
  await subject?.stop();
  return subject !== undefined;
}

const METRICS: readonly { readonly name: string; readonly of: (answers: readonly Answer[]) => number }[] = [
  {
    name: 'p50',
    of: (answers) =>
      quantile(
        answers.map(({ ms }) => ms),
        0.5,
      ),
  },
  {
    name: 'p99',
    of: (answers) =>
      quantile(
        answers.map(({ ms }) => ms),
        0.99,
      ),
  },
  {
    name: 'p99.9',
    of: (answers) =>
      quantile(
        answers.map(({ ms }) => ms),
        0.999,
      ),
  },
  ...ENDPOINTS.map(({ path }) => ({
    name: `p99 of ${path}`,
    of: (answers: readonly Answer[]) =>
      quantile(
        answers.filter((answer) => answer.path === path).map(({ ms }) => ms),
        0.99,
      ),
  })),
  { name: 'failed', of: (answers) => answers.filter(({ status }) => status !== 200).length },
];

function tableOf(columns: readonly Column[]): NonNullable<EntryResult['tables']>[number] {
  const [ours, theirs] = columns;
  const rows = METRICS.map(({ name, of }) => {
    const values = columns.map((column) => column.rounds.map(of));
    const ratio =
      ours === undefined || theirs === undefined || name === 'failed'
        ? []
        : [spreadText(ratios(values[0]!, values[1]!), 2)];
    return [name, ...values.map((each) => spreadText(spreadOf(each), 0)), ...ratio];
  });
  return { head: ['', ...columns.map(({ name }) => name), 'ratio, round by round'], rows };
}

export const tailEntry: Entry = {
  name: 'tail',
  about: 'times of answers over 8 nodes, half at half speed, endpoints of 5, 40 and 400 ms, at 70% load',
  run,
};
