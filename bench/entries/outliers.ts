import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { ProxyProcess, createLogger, systemClock } from '../../common/index.js';
import { poisson, sendAll, type Answer } from '../open-loop.js';
import { spreadOf } from '../statistics.js';
import type { Entry, EntryContext, EntryResult } from './entry.js';

/** Arrivals a second, open loop: few enough that this process, which is client and nodes at once, is never the bottleneck. */
const RATE = 200;
const START_MS = 10_000;

/** How a node answers at this moment. */
interface Behaviour {
  ms: number;
  status: number;
}

interface Node {
  readonly server: Server;
  readonly behaviour: Behaviour;
  requests: number;
}

async function startNode(behaviour: Behaviour): Promise<Node> {
  const server = createServer((_, response) => {
    node.requests++;
    setTimeout(() => {
      response.statusCode = node.behaviour.status;
      response.end('x');
    }, node.behaviour.ms);
  });
  const node: Node = { server, behaviour: { ...behaviour }, requests: 0 };
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return node;
}

/** Runs a proxy before the nodes and `during` meanwhile. */
async function round(
  context: EntryContext,
  behaviours: readonly Behaviour[],
  seconds: number,
  during: (nodes: readonly Node[]) => Promise<void>,
): Promise<{ answers: Answer[]; nodes: readonly Node[] }> {
  const nodes = await Promise.all(behaviours.map(startNode));
  const proxy = await ProxyProcess.start(
    {
      name: 'outliers',
      runDir: join(context.folder, 'outliers'),
      listen: [{ address: '127.0.0.1', port: 0 }],
      settings: {
        nodes: nodes.map(({ server }, i) => ({
          name: `node-${i}`,
          address: '127.0.0.1',
          port: (server.address() as AddressInfo).port,
        })),
        drainTimeout: 100,
      },
      log: createLogger('bench', 'error'),
    },
    AbortSignal.timeout(START_MS),
  );
  try {
    const [answers] = await Promise.all([
      sendAll(
        proxy.listen[0]!.port,
        poisson(RATE, seconds, () => '/'),
      ),
      during(nodes),
    ]);
    return { answers, nodes };
  } finally {
    await proxy.stop();
    for (const { server } of nodes) {
      server.closeAllConnections();
      server.close();
    }
  }
}

/** linkerd's: one of eleven nodes takes 2 s for the middle half of the run. Share of answers within a second, %. */
async function pinned(context: EntryContext, seconds: number): Promise<number> {
  const behaviours = Array.from({ length: 11 }, () => ({ ms: 10, status: 200 }));
  const { answers } = await round(context, behaviours, seconds, async (nodes) => {
    await systemClock.sleep(seconds * 250);
    nodes[0]!.behaviour.ms = 2000;
    await systemClock.sleep(seconds * 500);
    nodes[0]!.behaviour.ms = 10;
  });
  return (100 * answers.filter(({ ms, status }) => status === 200 && ms <= 1000).length) / answers.length;
}

/** One of four nodes fails in 1 ms, the others take 20. Its share of the requests, %. */
async function failing(context: EntryContext, seconds: number): Promise<number> {
  const behaviours = [{ ms: 1, status: 500 }, ...Array.from({ length: 3 }, () => ({ ms: 20, status: 200 }))];
  const { nodes } = await round(context, behaviours, seconds, async () => undefined);
  return (100 * nodes[0]!.requests) / nodes.reduce((sum, { requests }) => sum + requests, 0);
}

async function run(context: EntryContext): Promise<EntryResult> {
  const { rounds, seconds } = context.effort;
  const length = Math.max(8, seconds);
  const within: number[] = [];
  const share: number[] = [];
  for (let i = 0; i < rounds; i++) {
    context.say(`round ${i + 1} of ${rounds}`);
    within.push(await pinned(context, length));
    share.push(await failing(context, length));
  }
  const told = (values: readonly number[], digits: number): string => {
    const { median, min, max } = spreadOf(values);
    return `${median.toFixed(digits)}% (${min.toFixed(digits)} – ${max.toFixed(digits)})`;
  };
  return {
    entry: 'outliers',
    load: `${RATE} Poisson arrivals a second, open loop, ${length} s each`,
    effort: { ...context.effort, connections: 1 },
    figures: [],
    ratios: [],
    notes: [
      `one of 11 nodes pinned at 2 s for half the run: ${told(within, 2)} of the answers within 1 s`,
      `one of 4 nodes fails in 1 ms: it gets ${told(share, 2)} of the requests (a fair share is 25%)`,
    ],
  };
}

export const outliersEntry: Entry = {
  name: 'outliers',
  about: 'what a node that hangs, and one that fails at once, do to the others (11 and 4 nodes)',
  run,
};
