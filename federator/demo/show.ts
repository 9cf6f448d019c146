import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { MongoClient } from 'mongodb';
import pc from 'picocolors';
import { DharmaError, messageOf, packageRoot, systemClock, type ShadowStatus } from '../../common/index.js';
import type { FederationStatus } from '../api/schemas.js';
import { FederationClient } from '../client/client.js';
import { Home } from '../home/home.js';
import { readRuntime } from '../home/runtime.js';
import type { Cli } from './cli.js';
import { PaymentStub, type Charges } from './payment.js';
import { bar, type Progress } from './progress.js';
import { Traffic, type TrafficReport } from './traffic.js';

/** The update that is rehearsed. */
const UPDATE = 'express@5.1.0';
/** Requests a second of all visitors: what two cores carry besides four copies of the app. */
const RATE = Number(process.env.DHARMA_DEMO_RATE ?? 30);
/** How long visitors are watched before anything is copied, ms: what they feel without a shadow. */
const BASELINE_MS = 8_000;
/** Exchanges to compare before the report is read: each session of the scenario has come by often by then. */
const ENOUGH = Number(process.env.DHARMA_DEMO_ENOUGH ?? 600);
/** The report is read after this at the latest, ms; it says itself what it could not tell. */
const PATIENCE_MS = 75_000;
const POLL_MS = 500;

export interface Show {
  readonly cli: Cli;
  readonly progress: Progress;
  readonly home: string;
  readonly once: boolean;
  /** Where the report is written as JSON too. */
  readonly reportFile: string | undefined;
  readonly signal: AbortSignal;
  /** Ended in reverse order when the show ends, however it ends. */
  readonly owned: { readonly name: string; close(): Promise<unknown> }[];
}

/** Everything up to the report. */
export async function runShow(show: Show): Promise<void> {
  const payment = await PaymentStub.start(show.signal);
  show.owned.push({ name: 'the payment provider', close: () => payment.stop() });

  show.progress.heading('Two clusters behind a federator');
  const url = await federationUp(show);
  await addClusters(show, payment.url);

  show.progress.heading('Visitors');
  const before = { orders: await orders(show), charges: await payment.charges() };
  const traffic = new Traffic(url, RATE);
  show.owned.push({ name: 'the visitors', close: () => traffic.stop() });
  await watchVisitors(show, traffic);

  show.progress.heading(`What if express were 5? ${pc.dim(`federate shadow start --update ${UPDATE}`)}`);
  const baseline = traffic.felt(1);
  const from = await rehearse(show, traffic);
  const felt = traffic.felt(from);
  const visitors = await traffic.stop();
  await show.progress.step('the copies finish what was sent to them', () => drained(show));

  show.progress.heading('The report');
  await show.cli.show(['shadow', 'report']);
  if (show.reportFile !== undefined) {
    const { data } = await show.cli.run(['shadow', 'report'], [0, 1, 3]);
    await writeFile(show.reportFile, `${JSON.stringify(data, null, 2)}\n`);
  }

  show.progress.heading('Meanwhile, in the real world');
  showVisitors(show, visitors, baseline, felt);
  showEffects(show, visitors, before, { orders: await orders(show), charges: await payment.charges() });
  if (!show.once) {
    const more = new Traffic(url, RATE / 3);
    show.owned.push({ name: 'the visitors', close: () => more.stop() });
  }
}

/** Stays up until it is told to stop, and says what to type next. */
export async function stay(show: Show): Promise<void> {
  const home = relative(process.cwd(), show.home);
  const option = home === '.dharma' ? '' : ` --home ${home}`;
  show.progress.heading('It stays up. In another terminal:');
  for (const [command, why] of [
    ['shadow report', 'read it again'],
    ['promote', `serve everybody with ${UPDATE}`],
    ['rollback', 'or drop it; after a promotion: go back'],
    ['status', 'see what runs'],
  ] as const)
    show.progress.line(`  npx federate${option} ${command.padEnd(14)} ${pc.dim(why)}`);
  show.progress.line(pc.dim('\nCtrl-C ends it all.'));
  await new Promise<void>((resolve) => {
    if (show.signal.aborted) resolve();
    show.signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Ends whatever was started, the federation too. What cannot be ended is said and does not keep the rest from it. */
export async function endShow(show: Show): Promise<void> {
  show.progress.line();
  for (const owned of show.owned.reverse()) {
    try {
      await owned.close();
    } catch (error) {
      show.progress.check(false, `ending ${owned.name}: ${messageOf(error)}`);
    }
  }
}

async function federationUp(show: Show): Promise<string> {
  // Not the show's signal: what is up must come down also after Ctrl-C.
  show.owned.push({ name: 'the federation', close: () => show.cli.always(['down']) });
  await show.progress.step('stores, federator and edge come up', async () => {
    await show.cli.run(['up', ...(show.once ? ['--edge-port', '0', '--api-port', '0'] : [])]);
    const { edge, stores } = await status(show);
    return `edge at ${edge.url}, Mongo: ${stores.mongo}`;
  });
  return (await status(show)).edge.url;
}

async function addClusters(show: Show, paymentUrl: string): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'dharma-demo-'));
  try {
    await removeLeftovers(show);
    for (const name of ['blue', 'green'] as const) {
      await show.progress.step(`federate add-cluster ${name}`, async () => {
        const file = join(dir, `${name}.json`);
        const config = JSON.parse(
          await readFile(join(packageRoot, 'examples', 'clusters', `${name}.json`), 'utf8'),
        ) as { env?: Record<string, string> };
        await writeFile(file, JSON.stringify({ ...config, env: { ...config.env, PAYMENT_URL: paymentUrl } }));
        await show.cli.run([
          'add-cluster',
          name,
          '--config',
          file,
          '--app',
          join(packageRoot, 'examples', 'shop'),
        ]);
        const nodes = (await status(show)).clusters.find((cluster) => cluster.name === name)?.nodes ?? [];
        return `${nodes.filter((node) => node.state === 'ready').length} nodes, route tests passed`;
      });
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Clusters and a shadow of an earlier show, whose payment provider is gone. */
async function removeLeftovers(show: Show): Promise<void> {
  const { clusters, upgrade } = await status(show);
  if (clusters.length === 0) return;
  await show.progress.step('what an earlier show left is removed', async () => {
    if (upgrade?.state === 'shadowing') await show.cli.run(['shadow', 'stop']);
    for (const { name } of clusters) await show.cli.run(['remove-cluster', name, '--yes']);
    return clusters.map(({ name }) => name).join(', ');
  });
}

async function watchVisitors(show: Show, traffic: Traffic): Promise<void> {
  await show.progress.step('sessions, carts, orders, uploads, through the edge', async (update) => {
    const until = performance.now() + BASELINE_MS;
    while (performance.now() < until) {
      await systemClock.sleep(POLL_MS, show.signal);
      const latest = traffic.latest;
      if (latest) update(`${latest.requests} requests, ${latest.failures} failed`);
    }
    const { p50, p99 } = traffic.felt(1);
    return `median ${p50} ms, p99 ${p99} ms`;
  });
}

/** Starts the shadow and waits until enough was compared. The number of traffic's windows when copying began. */
async function rehearse(show: Show, traffic: Traffic): Promise<number> {
  await show.progress.step('remote0 is cloned into remote1, the update is installed there', async () => {
    await show.cli.run(['shadow', 'start', '--update', UPDATE]);
    return undefined;
  });
  const from = traffic.windows;
  await show.progress.step('live requests are copied, replayed, compared', async (update) => {
    const until = performance.now() + PATIENCE_MS;
    for (;;) {
      const { ledger, differences } = await shadowStatus(show);
      update(
        `${bar(ledger.compared, ENOUGH)} compared, ${ledger.pending} on their way, ${differences} differences`,
      );
      if (ledger.compared >= ENOUGH || performance.now() > until) return `${ledger.compared} exchanges`;
      await systemClock.sleep(POLL_MS, show.signal);
    }
  });
  return from;
}

/** Waits until no captured exchange is on its way any more. */
async function drained(show: Show): Promise<undefined> {
  const until = performance.now() + PATIENCE_MS;
  for (let last = -1; performance.now() < until;) {
    const { ledger } = await shadowStatus(show);
    if (ledger.pending === 0 && ledger.captured === last) return undefined;
    last = ledger.captured;
    await systemClock.sleep(POLL_MS, show.signal);
  }
  return undefined;
}

function showVisitors(
  { progress }: Show,
  visitors: TrafficReport,
  baseline: { p50: number; p99: number },
  felt: { p50: number; p99: number },
): void {
  progress.check(
    visitors.failures === 0,
    `${visitors.requests} requests of visitors, ${visitors.failures} failed`,
  );
  progress.line(
    `    they felt: median ${baseline.p50} ms before, ${felt.p50} ms while copied; p99 ${baseline.p99} ms before, ${felt.p99} ms while copied`,
  );
}

interface Effects {
  readonly orders: number;
  readonly charges: Charges;
}

function showEffects({ progress }: Show, visitors: TrafficReport, before: Effects, after: Effects): void {
  const orders = after.orders - before.orders;
  const placed = visitors.counts.orders ?? 0;
  progress.check(orders === placed, `${placed} orders placed by visitors, ${orders} in the live database`);
  const { count, requests } = after.charges;
  const paid = visitors.counts.charges ?? 0;
  const asked = paid + (visitors.counts.declined ?? 0);
  progress.check(
    count === paid && requests === asked,
    `${asked} payments asked for by visitors, ${requests} at the payment provider: no copy's call got out`,
  );
  if (orders !== placed || count !== paid || requests !== asked)
    throw new Error('a copy had an effect of its own: this is a bug of dharma');
  if (visitors.failures > 0)
    throw new Error(`visitors saw failures: ${JSON.stringify(visitors.failed.slice(0, 3))}`);
}

async function orders(show: Show): Promise<number> {
  const { app } = await readRuntime(new Home(show.home));
  const client = await new MongoClient(app.mongo).connect();
  try {
    return await client.db().collection('orders').countDocuments();
  } finally {
    await client.close();
  }
}

/** Looks are by the API itself: a process for each would take from the visitors what the copies leave them. */
const clientOf = ({ home }: Show): Promise<FederationClient> => FederationClient.connect(new Home(home));

async function status(show: Show): Promise<FederationStatus> {
  return (await clientOf(show)).status(show.signal);
}

async function shadowStatus(show: Show): Promise<ShadowStatus> {
  const { status } = await (await clientOf(show)).shadow('current', show.signal);
  if (status.error !== undefined) throw new DharmaError(status.error);
  return status;
}
