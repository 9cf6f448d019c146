import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MongoClient, type Db } from 'mongodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReleaseStore } from '../../cluster-agent/index.js';
import {
  endpointName,
  manifestSchema,
  readConfig,
  type AppManifest,
  type Release,
} from '../../common/index.js';
import { startTestMongo, type TestMongo } from './mongo.js';
import { startTestRedis, type TestRedis } from '../shadow/clone/redis-server.js';
import { differences, playAll, type Played } from './play.js';
import { exampleFile, listening, start, type Running } from './run.js';

interface Truth {
  readonly update: string;
  readonly changes: readonly { readonly endpoint: string; readonly where: readonly string[] }[];
}

interface Shop {
  readonly url: string;
  readonly db: Db;
  readonly uploadDir: string;
  readonly running: Running;
}

let dir: string;
let mongo: TestMongo;
let redis: TestRedis;
let client: MongoClient;
let express4: Release;
let express5: Release;
let truth: Truth;
let manifest: AppManifest;
let databases = 0;

/** npm installs the shop twice, wherever the registry is and whoever else uses the machine, ms. */
const INSTALL_DEADLINE_MS = 300_000;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'dharma-shop-'));
  [mongo, redis] = await Promise.all([startTestMongo(), startTestRedis()]);
  client = await new MongoClient(mongo.uri).connect();
  truth = JSON.parse(await readFile(exampleFile('shop/truth.json'), 'utf8')) as Truth;
  manifest = await readConfig(manifestSchema, exampleFile('shop/dharma.json'));
  const releases = createReleaseStore({ dir: join(dir, 'releases') });
  const { signal } = new AbortController();
  express4 = await releases.create(exampleFile('shop'), { signal });
  express5 = await releases.update(express4, { packages: [truth.update] }, { signal });
}, INSTALL_DEADLINE_MS);

afterAll(async () => {
  await client.close();
  await Promise.all([mongo[Symbol.asyncDispose](), redis[Symbol.asyncDispose]()]);
  await rm(dir, { recursive: true, force: true });
});

/** A shop of that release with stores of its own, or those of `sibling`. */
async function startShop(release: Release, paymentUrl: string, sibling?: Shop): Promise<Shop> {
  const name = sibling?.db.databaseName ?? `shop${++databases}`;
  const uploadDir = sibling?.uploadDir ?? join(dir, name);
  const uri = new URL(mongo.uri);
  uri.pathname = `/${name}`;
  const running = start(join(release.dir, 'src', 'main.js'), [], {
    PORT: '0',
    MONGO_URL: uri.href,
    REDIS_URL: `${redis.uri}?db=${name.replace('shop', '')}`,
    PAYMENT_URL: paymentUrl,
    UPLOAD_DIR: uploadDir,
    SESSION_SECRET: 'test',
    NODE_ENV: 'production',
  });
  return { url: await listening(running), db: client.db(name), uploadDir, running };
}

const startStub = (): Promise<string> =>
  listening(start(exampleFile('payment-stub/main.js'), [], { PORT: '0' }));

describe('the shop', () => {
  it('is installed at the versions its truth is about', () => {
    expect(express4.packages.express).toBe('4.21.2');
    expect(express5.packages.express).toBe('5.1.0');
  });

  it('serves its traffic without an unexpected answer, and its stores hold exactly what the traffic wrote', async () => {
    const stub = await startStub();
    // Two nodes at once: both seed, one catalogue comes of it.
    const first = await startShop(express4, stub);
    const [, second] = await Promise.all([
      startShop(express4, stub, first),
      startShop(express4, stub, first),
    ]);
    expect(await first.db.collection('users').countDocuments()).toBe(40);
    expect(await first.db.collection('products').countDocuments()).toBe(24);

    const options = ['--url', second.url, '--clients', '8', '--rounds', '6', '--rate', '400'];
    const traffic = await start(exampleFile('traffic.mjs'), options).ended;
    expect(traffic, traffic.stdout).toMatchObject({ code: 0 });
    const { counts, sessions } = JSON.parse(traffic.stdout) as Record<
      'counts' | 'sessions',
      Record<string, number>
    >;
    expect(Object.keys(sessions).sort()).toEqual(
      ['browse', 'buy', 'odd', 'pages', 'photo', 'regret', 'reorder', 'search'].sort(),
    );

    const orders = first.db.collection('orders');
    expect(await orders.countDocuments()).toBe(counts.orders);
    expect(await orders.countDocuments({ status: 'paid' })).toBe(counts.charges);
    expect(await orders.countDocuments({ status: 'cancelled' })).toBe(counts.cancels);
    expect(await first.db.collection('uploads').countDocuments()).toBe(counts.uploads);
    expect(await readdir(first.uploadDir)).toHaveLength(counts.uploads ?? 0);
    expect(await (await fetch(`${stub}/charges`)).json()).toMatchObject({
      count: counts.charges,
      declined: counts.declined,
      requests: (counts.charges ?? 0) + (counts.declined ?? 0),
    });
  });

  it('finishes what it has and ends by itself on SIGTERM', async () => {
    const { running, url } = await startShop(express4, 'http://127.0.0.1:1');
    expect((await fetch(`${url}/health`)).status).toBe(200);
    running.child.kill('SIGTERM');
    expect(await running.ended).toMatchObject({ code: 0 });
  });

  it.each([
    [{ PORT: '0', REDIS_URL: 'redis://127.0.0.1:1' }, 'shop: '],
    [{ PORT: 'many' }, 'shop: PORT is not a port: many'],
  ])('does not start with %j, and says why', async (env, message) => {
    const ended = await start(join(express4.dir, 'src', 'main.js'), [], { REDIS_URL: redis.uri, ...env })
      .ended;
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain(message);
  });

  it('answers 502 and leaves the order open when the payment provider is gone', async () => {
    const { url } = await startShop(express4, 'http://127.0.0.1:1');
    const headers: Record<string, string> = { 'content-type': 'application/json' };
    const post = (path: string, body: object): Promise<Response> =>
      fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    const login = await post('/api/login', { name: 'user01', password: 'secret-of-user01' });
    headers.cookie = login.headers.get('set-cookie')?.split(';')[0] ?? '';
    await post('/api/cart', { sku: 'pen-gel' });
    const { id } = (await (await post('/api/orders', {})).json()) as { id: string };
    expect((await post(`/api/orders/${id}/checkout`, { source: 'tok_visa' })).status).toBe(502);
    const order = await fetch(`${url}/api/orders/${id}`, { headers });
    expect(await order.json()).toMatchObject({ id, status: 'open' });
  });

  it('differs under Express 5 exactly where its truth says', async () => {
    const stub = await startStub();
    const shops = await Promise.all(
      [express4, express4, express5].map((release) => startShop(release, stub)),
    );
    const [oldA, oldB, updated] = await Promise.all(shops.map((shop) => playAll(shop.url)));
    const noise = placesByEndpoint(oldA!, oldB!);
    const found = placesByEndpoint(oldA!, updated!);
    for (const [endpoint, places] of found) {
      for (const place of noise.get(endpoint) ?? []) places.delete(place);
      if (places.size === 0) found.delete(endpoint);
    }
    const covered = Object.fromEntries(truth.changes.map((change) => [change.endpoint, change.where]));
    expect([...found.keys()].sort()).toEqual(Object.keys(covered).sort());
    for (const [endpoint, places] of found) {
      const where = covered[endpoint] ?? [];
      const told = (place: string): boolean => where.some((prefix) => place.startsWith(prefix));
      expect(
        [...places].filter((place) => !told(place)),
        endpoint,
      ).toEqual([]);
      for (const prefix of where)
        expect(
          [...places].some((place) => place.startsWith(prefix)),
          prefix,
        ).toBe(true);
    }
  });
});

/** Where the answers to the same requests differ. What differs once is enough: values of noise may agree by chance. */
function placesByEndpoint(left: readonly Played[], right: readonly Played[]): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  left.forEach((played, index) => {
    const places = found.get(endpointOf(played)) ?? new Set();
    for (const place of differences(played.answer, right[index]!.answer)) places.add(place);
    found.set(endpointOf(played), places);
  });
  return found;
}

/** The endpoint that dharma.json declares for a request: literal segments win over `:name`, `:name` over `*rest`. */
function endpointOf({ method, path }: Played): string {
  const segments = (path.split('?')[0] ?? '').split('/');
  const candidates = manifest.routes.filter(
    (route) =>
      (route.methods ?? [method]).includes(method as 'GET') && matches(route.pattern.split('/'), segments),
  );
  const vagueness = (pattern: string): number => pattern.split(/[:*]/).length;
  const best = candidates.sort((a, b) => vagueness(a.pattern) - vagueness(b.pattern))[0];
  return best ? endpointName(best) : '*';
}

function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  const rest = pattern.at(-1)?.startsWith('*') === true;
  if (rest ? segments.length < pattern.length : segments.length !== pattern.length) return false;
  return pattern.every((part, index) => /^[:*]/.test(part) || part === segments[index]);
}
