import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { createLogger, type ProxyRoute } from '../../common/index.js';
import { Edge } from '../../federator/daemon/edge.js';
import { withAssets } from '../../federator/daemon/edge-assets.js';
import { OriginAddresses, serversOf } from '../../federator/daemon/origin-addresses.js';
import { Home } from '../../federator/home/home.js';
import { loadSettings, settingsSchema } from '../../federator/home/settings.js';

const stops: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

interface Told {
  readonly port: number;
  readonly asked: string[];
}

const authorized: (string | undefined)[] = [];

/** A server that says its name and how often it was asked. */
async function server(name: string): Promise<Told> {
  const asked: string[] = [];
  const http: Server = createServer((request, response) => {
    asked.push(`${request.method} ${request.headers.host}${request.url}`);
    authorized.push(request.headers.authorization);
    response.setHeader('Cache-Control', 'max-age=600');
    response.end(`${name} ${asked.length}`);
  });
  await new Promise<void>((done) => http.listen(0, '127.0.0.1', done));
  stops.push(() => {
    http.closeAllConnections();
    http.close();
  });
  return { port: (http.address() as AddressInfo).port, asked };
}

async function homeWith(assets: unknown): Promise<Home> {
  const dir = await mkdtemp(join(tmpdir(), 'dharma-edge-assets-'));
  stops.push(() => rm(dir, { recursive: true, force: true }));
  const home = new Home(dir);
  await home.prepare();
  const { id } = await loadSettings(home);
  const edge = { address: '127.0.0.1', port: 0, ...(assets === undefined ? {} : { assets }) };
  await writeFile(home.settingsFile, JSON.stringify({ id, edge }));
  return home;
}

async function edgeOf(
  home: Home,
  app: Told,
): Promise<{ edge: Edge; get: (path: string) => Promise<string> }> {
  const edge = new Edge(home, (await loadSettings(home)).edge, createLogger('test', 'silent'));
  stops.push(() => edge.stop());
  const { port } = await edge.start(AbortSignal.timeout(10_000));
  await edge.configure({
    nodes: [{ name: 'blue', address: '127.0.0.1', port: app.port }],
    routes: [
      { pattern: '/img/*rest', class: 'asset' },
      { pattern: '/api', class: 'app' },
    ],
    capture: { enabled: false },
  });
  return { edge, get: async (path) => (await fetch(`http://127.0.0.1:${port}${path}`)).text() };
}

describe('assets at the edge', () => {
  test('come from their store, through a cache that survives a restart and can be purged; all else from the app', async () => {
    const app = await server('app');
    const store = await server('store');
    const home = await homeWith({
      origins: [{ address: '127.0.0.1', port: store.port }],
      originHost: 'bucket.test',
      originPath: '/bucket',
    });
    const first = await edgeOf(home, app);
    expect([await first.get('/img/a'), await first.get('/img/a'), await first.get('/img/b')]).toEqual([
      'store 1',
      'store 1',
      'store 2',
    ]);
    // Many, so that one that could go astray would.
    for (let i = 1; i <= 10; i++) expect(await first.get(i % 2 ? '/api' : '/elsewhere')).toBe(`app ${i}`);
    expect(store.asked).toEqual(['GET bucket.test/bucket/img/a', 'GET bucket.test/bucket/img/b']);
    expect(await first.edge.purgeAssets('/img/a')).toBe(1);
    expect(await first.get('/img/a')).toBe('store 3');
    await first.edge.stop();
    const second = await edgeOf(home, app);
    expect([await second.get('/img/a'), await second.get('/img/b')]).toEqual(['store 3', 'store 2']);
    // They are no part of a release.
    await second.edge.forgetAppAssets();
    expect(await second.edge.purgeAssets('/')).toBe(2);
    expect(await second.get('/img/b')).toBe('store 4');
    // Frames come once a second.
    while (second.edge.state().assets!.misses < 1) await pause(20);
    expect(second.edge.state().assets).toMatchObject({ hits: 2, misses: 1, diskDamaged: 0, diskFailures: 0 });
  });

  test('come from a store that is known by its name, which is what it is called, too', async () => {
    const app = await server('app');
    const store = await server('store');
    const home = await homeWith({ origins: [{ host: 'localhost', port: store.port }] });
    const { get } = await edgeOf(home, app);
    expect(await get('/img/a')).toBe('store 1');
    expect(store.asked).toEqual([`GET localhost:${store.port}/img/a`]);
  });

  test('of a store whose name nobody knows wait for it to be known; all else goes on', async () => {
    const app = await server('app');
    const { edge, get } = await edgeOf(
      await homeWith({ origins: [{ host: 'nowhere.invalid', port: 1 }] }),
      app,
    );
    expect(await get('/api')).toBe('app 1');
    expect(await get('/img/a')).not.toContain('app');
    expect(edge.state().pid).toBeDefined();
  });

  test('of a private bucket are asked for with a signature', async () => {
    const app = await server('app');
    const store = await server('store');
    const secretFile = join(await mkdtemp(join(tmpdir(), 'dharma-edge-assets-')), 'secret');
    stops.push(() => rm(dirname(secretFile), { recursive: true, force: true }));
    await writeFile(secretFile, 'of nobody', { mode: 0o600 });
    const { get } = await edgeOf(
      await homeWith({
        origins: [{ address: '127.0.0.1', port: store.port }],
        originHost: 'bucket.test',
        signing: { region: 'eu-central-1', accessKeyId: 'AK', secretFile },
      }),
      app,
    );
    authorized.length = 0;
    expect([await get('/img/a'), await get('/api')]).toEqual(['store 1', 'app 1']);
    expect(authorized).toEqual([
      expect.stringMatching(/^AWS4-HMAC-SHA256 Credential=AK\/\d{8}\/eu-central-1\/s3\//),
      undefined,
    ]);
  });

  test('come from the app, and are cached, where there is no store', async () => {
    const app = await server('app');
    const { edge, get } = await edgeOf(await homeWith({ diskBytes: 0 }), app);
    expect([await get('/img/a'), await get('/img/a'), await get('/api')]).toEqual([
      'app 1',
      'app 1',
      'app 2',
    ]);
    await edge.forgetAppAssets();
    expect(await get('/img/a')).toBe('app 3');
  });

  test('are not cached, and there is nothing to purge, where nobody asked for it', async () => {
    const app = await server('app');
    const { edge, get } = await edgeOf(await homeWith(undefined), app);
    expect([await get('/img/a'), await get('/img/a')]).toEqual(['app 1', 'app 2']);
    await expect(edge.purgeAssets('/')).rejects.toMatchObject({
      code: 'NO_ASSET_CACHE',
      remedy: expect.stringContaining('federate replace-proxy edge') as string,
    });
    await edge.forgetAppAssets();
    expect(edge.state().assets).toBeUndefined();
  });
});

describe('the names of origins', () => {
  const origins = [
    { host: 'a.test', port: 443, tls: true },
    { host: 'b.test', port: 80, tls: false, serverName: 'c.test' },
    { address: '10.0.0.9', port: 80, tls: false },
  ];

  test('stand for all their addresses, each of which is one server', () => {
    const found = new Map([
      ['a.test', ['10.0.0.1', '::1']],
      ['b.test', ['10.0.0.9', '10.0.0.2']],
    ]);
    expect(serversOf(origins, found)).toEqual([
      { address: '10.0.0.1', port: 443, tls: true, serverName: 'a.test' },
      { address: '::1', port: 443, tls: true, serverName: 'a.test' },
      { address: '10.0.0.9', port: 80, tls: false, serverName: 'c.test' },
      { address: '10.0.0.2', port: 80, tls: false, serverName: 'c.test' },
    ]);
    expect(serversOf(origins, new Map())).toEqual([{ address: '10.0.0.9', port: 80, tls: false }]);
  });

  test('are looked up again: what is new is told, and what was found stays while nobody answers', async () => {
    const answers = new Map<string, readonly string[] | Error>([
      ['a.test', ['10.0.0.2', '10.0.0.1']],
      ['b.test', new Error('no such name')],
    ]);
    let looks = 0;
    let changes = 0;
    const addresses = new OriginAddresses({
      origins: origins.slice(0, 2),
      onChange: () => changes++,
      log: createLogger('test', 'silent'),
      lookMs: 5,
      resolve: async (host) => {
        looks++;
        const answer = answers.get(host)!;
        if (answer instanceof Error) throw answer;
        return answer;
      },
    });
    stops.push(() => addresses.close());
    const seen = (): string[] => addresses.servers.map(({ address }) => address);
    const twoLooks = async (): Promise<void> => {
      const wanted = looks + 4;
      while (looks < wanted) await pause(5);
    };
    await addresses.open();
    expect(seen()).toEqual(['10.0.0.1', '10.0.0.2']);
    // Another order is no change.
    answers.set('a.test', ['10.0.0.1', '10.0.0.2']);
    await twoLooks();
    expect(changes).toBe(0);
    answers.set('b.test', ['10.0.0.3']);
    while (changes < 1) await pause(5);
    expect(seen()).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
    answers.set('a.test', new Error('no name server'));
    await twoLooks();
    expect([changes, seen().length]).toEqual([1, 3]);
    answers.set('a.test', ['10.0.0.7']);
    while (changes < 2) await pause(5);
    expect(seen()).toEqual(['10.0.0.7', '10.0.0.3']);
    addresses.close();
    const before = looks;
    await pause(50);
    expect(looks).toBeLessThanOrEqual(before + 2);
  });

  test('or addresses, but not both, and names only where they are some', () => {
    const accepted = (origin: object): boolean =>
      settingsSchema.safeParse({ id: 'f0123456789abcdef', edge: { assets: { origins: [origin] } } }).success;
    expect(accepted({ host: 's3.eu-central-1.example', port: 443 })).toBe(true);
    for (const bad of [
      {},
      { host: 'a', address: '10.0.0.1' },
      { host: 'a_b' },
      { host: '-a' },
      { host: 'a..b' },
      { address: 'a' },
    ])
      expect(accepted({ ...bad, port: 443 })).toBe(false);
  });
});

describe('the nodes a route may go to', () => {
  const routes: fc.Arbitrary<ProxyRoute[]> = fc.uniqueArray(
    fc.record({
      pattern: fc.constantFrom('/a', '/img/*rest', '/*all', '/:id'),
      class: fc.constantFrom('app' as const, 'asset' as const, 'realtime' as const),
    }),
    { selector: ({ pattern }) => pattern },
  );

  test('are the stores for assets, the clusters for all else, whatever the routes', () => {
    const { edge } = settingsSchema.parse({
      id: 'f0123456789abcdef',
      edge: { assets: { origins: [{ address: '10.0.0.1', port: 9000, tls: true }] } },
    });
    fc.assert(
      fc.property(routes, (all) => {
        const nodes = [{ name: 'blue', address: '127.0.0.1', port: 1 }];
        const made = withAssets(
          { nodes, routes: all },
          edge.assets!,
          '/disk',
          serversOf(edge.assets!.origins!, new Map()),
        );
        const classes = new Map(made.nodes.map(({ name, class: of }) => [name, of]));
        expect([...classes]).toEqual([
          ['blue', 'app'],
          ['assets-1', 'assets'],
        ]);
        for (const route of made.routes)
          expect(route.nodeClasses).toEqual([route.class === 'asset' ? 'assets' : 'app']);
        expect(made.routes.filter(({ pattern }) => /^\/\*/.test(pattern))).toHaveLength(1);
      }),
    );
  });
});
