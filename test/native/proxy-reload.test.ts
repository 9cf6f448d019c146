import { afterEach, describe, expect, it } from 'vitest';

import {
  ControlPeer,
  cleanUp,
  delay,
  echo,
  eventually,
  exchange,
  get,
  lastGet,
  open,
  runProxy,
  settled,
  startNode,
  startProxy,
  startRawNode,
  subscribe,
  temporaryFolder,
} from './proxy-harness.js';
import { load } from './proxy-load.js';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

afterEach(cleanUp);

describe('reload', () => {
  it('100 times under load loses no request, by frame and by signal', async () => {
    const a = await startNode(echo, 'a');
    const b = await startNode(echo, 'b');
    const c = await startNode(echo, 'c');
    const proxy = await startProxy([a.node, b.node], { workers: 2 });
    const peer = await subscribe(proxy, {});
    const clients = load(proxy.at, 32);
    for (let generation = 1; generation <= 90; generation++) {
      const nodes = [
        [a.node, b.node],
        [b.node, c.node],
        [c.node],
        [a.node, c.node, { ...b.node, state: 'drain' }],
      ][generation % 4];
      const routes = generation % 2 ? [{ pattern: '/:n', endpoint: `n${generation % 5}` }] : [];
      expect(await peer.configure(generation, { ...proxy.config, nodes, routes })).toMatchObject({
        ok: true,
      });
    }
    for (let i = 0; i < 10; i++) {
      await proxy.reload({ nodes: i % 2 ? [a.node, b.node] : [c.node] });
      await eventually(() => (proxy.stderr.split('"reloaded"').length > i + 1 ? true : undefined));
    }
    const { done, failed } = await clients.stop();
    expect(failed).toEqual([]);
    expect(done).toBeGreaterThan(100);
    expect((await settled(peer)).waitSumNs).toBe(0n);
  });

  it('a removed node finishes what it has and gets nothing new', async () => {
    let finish: (() => void) | undefined;
    const old = await startNode((_, response) => {
      finish = () => response.end('old');
    }, 'old');
    const fresh = await startNode((_, response) => response.end('new'), 'new');
    const proxy = await startProxy([old.node]);
    const peer = await subscribe(proxy, {});
    const slow = exchange(proxy.at, lastGet('/'));
    await eventually(() => finish);
    await peer.configure(1, { ...proxy.config, nodes: [fresh.node] });
    for (let i = 0; i < 5; i++) expect(await exchange(proxy.at, lastGet('/'))).toMatch(/new$/);
    finish?.();
    expect(await slow).toMatch(/old$/);
    expect(old.requests).toBe(1);
  });

  it('keeps connections to nodes that stay', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node]);
    const peer = await subscribe(proxy, {});
    await exchange(proxy.at, lastGet('/'));
    for (let generation = 1; generation <= 5; generation++) {
      await peer.configure(generation, { ...proxy.config, routes: [{ pattern: `/${generation}` }] });
      await exchange(proxy.at, lastGet('/'));
    }
    expect(node.connections).toBe(1);
  });

  it('an acknowledged config holds for the very next request of a connection that was there before', async () => {
    const a = await startNode((_, response) => response.end('a'), 'a');
    const b = await startNode((_, response) => response.end('b'), 'b');
    const proxy = await startProxy([a.node], { workers: 2 });
    const peer = await subscribe(proxy, {});
    const socket = await open(proxy.at);
    for (let generation = 1; generation <= 20; generation++) {
      const ack = await peer.configure(generation, {
        ...proxy.config,
        nodes: [generation % 2 ? b.node : a.node],
      });
      expect(ack).toMatchObject({ ok: true, path: '', message: '' });
      const before = socket.received().length;
      socket.write(get('/'));
      const answer = await eventually(() => /\r\n\r\n([ab])$/.exec(socket.received().slice(before))?.[1]);
      expect(answer).toBe(generation % 2 ? 'b' : 'a');
    }
    expect((await peer.telemetry()).generation).toBe(20);
  });
});

/** A document, the path its error names, and a word of the message. */
const base = {
  listen: [{ address: '127.0.0.1', port: 0 }],
  nodes: [{ name: 'a', address: '127.0.0.1', port: 1 }],
};
const badConfigs: [string, unknown, string, string][] = [
  ['no JSON', '{"listen": [}', '', 'line 1, column 13'],
  ['no listen', { nodes: [] }, 'listen', 'required'],
  ['an unknown key', { ...base, lisen: 1 }, 'lisen', 'unknown key'],
  ['an unknown key deeper', { ...base, limits: { headerByte: 1 } }, 'limits.headerByte', 'unknown key'],
  ['a duplicate key', '{"listen":[{"address":"127.0.0.1","port":0}],"listen":[]}', '', 'duplicate'],
  [
    'a name for an address',
    { ...base, nodes: [{ name: 'a', address: 'localhost', port: 1 }] },
    'nodes[0].address',
    'IPv4 or IPv6',
  ],
  ['a share above 1', { ...base, capture: { sample: 1.5 } }, 'capture.sample', 'from 0 to 1'],
  [
    'two shares of one endpoint',
    {
      ...base,
      routes: [
        { pattern: '/a', endpoint: 'e', sample: 0.5 },
        { pattern: '/b', endpoint: 'e' },
      ],
    },
    'routes[1].sample',
    'routes[0]',
  ],
  [
    'a port of 0 for a node',
    { ...base, nodes: [{ name: 'a', address: '127.0.0.1', port: 0 }] },
    'nodes[0].port',
    'from 1 to 65535',
  ],
  [
    'a port as text',
    { ...base, nodes: [{ name: 'a', address: '127.0.0.1', port: '1' }] },
    'nodes[0].port',
    'found a string',
  ],
  [
    'a weight of 0',
    { ...base, nodes: [{ name: 'a', address: '127.0.0.1', port: 1, weight: 0 }] },
    'nodes[0].weight',
    'found 0',
  ],
  [
    'an unknown state',
    { ...base, nodes: [{ name: 'a', address: '127.0.0.1', port: 1, state: 'off' }] },
    'nodes[0].state',
    'active, drain',
  ],
  ['two nodes of a name', { ...base, nodes: [base.nodes[0], base.nodes[0]] }, 'nodes[1].name', 'nodes[0]'],
  [
    'a pattern without a slash',
    { ...base, routes: [{ pattern: 'x' }] },
    'routes[0].pattern',
    "starts with '/'",
  ],
  [
    'a rest that is not last',
    { ...base, routes: [{ pattern: '/*a/b' }] },
    'routes[0].pattern',
    'last segment',
  ],
  [
    'a parameter without a name',
    { ...base, routes: [{ pattern: '/:/b' }] },
    'routes[0].pattern',
    'without a name',
  ],
  [
    'two equal routes',
    { ...base, routes: [{ pattern: '/a/:x' }, { pattern: '/b' }, { pattern: '/a/:y' }] },
    'routes[2].pattern',
    'routes[0].pattern',
  ],
  [
    'two equal routes with a method in common',
    {
      ...base,
      routes: [
        { pattern: '/a', methods: ['GET', 'PUT'] },
        { pattern: '/a', methods: ['PUT'] },
      ],
    },
    'routes[1].pattern',
    'routes[0]',
  ],
  [
    'an unknown class',
    { ...base, routes: [{ pattern: '/', class: 'fast' }] },
    'routes[0].class',
    'app, asset, realtime',
  ],
  ['a bad range', { ...base, trusted: ['10.0.0.0/33'] }, 'trusted[0]', 'address range'],
  [
    'two opinions on an endpoint',
    {
      ...base,
      routes: [
        { pattern: '/a', endpoint: 'e', nodeClasses: ['x'] },
        { pattern: '/b', endpoint: 'e' },
      ],
    },
    'routes[1].nodeClasses',
    'routes[0]',
  ],
  [
    'a class that stands twice',
    { ...base, routes: [{ pattern: '/a', nodeClasses: ['x', 'x'] }] },
    'routes[0].nodeClasses[1]',
    'stands twice',
  ],
  ['a cookie without a name', { ...base, stickyCookie: 'a b' }, 'stickyCookie', 'found "a b"'],
  ['a time of 0', { ...base, limits: { idleTimeout: 0 } }, 'limits.idleTimeout', 'found 0'],
  ['a negative rate', { ...base, limits: { minRate: -1 } }, 'limits.minRate', 'found -1'],
  [
    'a balancer that is no address range',
    { ...base, listen: [{ address: '127.0.0.1', port: 0, proxyProtocol: ['10.0.0.0/33'] }] },
    'listen[0].proxyProtocol[0]',
    'found "10.0.0.0/33"',
  ],
  [
    'a fraction of a millisecond',
    { ...base, telemetry: { interval: 0.5 } },
    'telemetry.interval',
    'whole number',
  ],
  [
    'an exchange header HTTP uses itself',
    { ...base, exchangeHeader: 'Host' },
    'exchangeHeader',
    'HTTP does not use',
  ],
  ['a relative control path', { ...base, control: 'c.sock' }, 'control', 'absolute path'],
];

describe('a bad config', () => {
  it.each(badConfigs)('%s: names where and what', async (_, document, path, word) => {
    const folder = await temporaryFolder();
    const file = join(folder, 'proxy.json');
    await writeFile(file, typeof document === 'string' ? document : JSON.stringify(document));
    for (const args of [
      ['--config', file, '--check'],
      ['--config', file],
    ]) {
      const { code, stderr, stdout } = await runProxy(args);
      expect(code).toBe(2);
      expect(stdout).toBe('');
      expect(stderr).toMatch(/^dharma-proxy: [^\n]+\n$/);
      expect(stderr).toContain(path ? `${file}: ${path}: ` : `${file}: `);
      expect(stderr).toContain(word);
    }
  });

  it('never replaces a good one', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node]);
    const peer = await subscribe(proxy, {});
    expect(await peer.configure(1, '{')).toMatchObject({ ok: false, path: '' });
    expect(
      await peer.configure(2, { ...proxy.config, routes: [{ pattern: '/a' }, { pattern: '/a' }] }),
    ).toMatchObject({
      ok: false,
      path: 'routes[1].pattern',
    });
    expect(
      await peer.configure(3, { ...proxy.config, listen: [{ address: '127.0.0.1', port: 1 }] }),
    ).toMatchObject({ ok: false, path: 'listen[0]' });
    expect(await peer.configure(4, { ...proxy.config, workers: 2 })).toMatchObject({
      ok: false,
      path: 'workers',
    });
    expect(await peer.configure(5, { ...proxy.config, control: '/tmp/other' })).toMatchObject({
      ok: false,
      path: 'control',
    });
    await proxy.reload({ nodes: 1 });
    await eventually(() =>
      proxy.stderr.includes('not taken, the old config stays: nodes: found a number') ? true : undefined,
    );
    expect((await peer.telemetry()).generation).toBe(0);
    expect(await exchange(proxy.at, lastGet('/'))).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('start and end', () => {
  it('a taken port is one line and exit code 1, also when another proxy has it', async () => {
    const node = await startNode(echo);
    for (const workers of [1, 2]) {
      const first = await startProxy([node.node], { workers });
      const folder = await temporaryFolder();
      const file = join(folder, 'proxy.json');
      await writeFile(
        file,
        JSON.stringify({ ...base, workers, listen: [{ address: '127.0.0.1', port: first.at }] }),
      );
      const { code, stderr } = await runProxy(['--config', file]);
      expect(code).toBe(1);
      expect(stderr).toMatch(
        /^dharma-proxy: listen\[0\]: cannot listen on 127\.0\.0\.1 port \d+: Address already in use\n$/,
      );
    }
  });

  it('a missing file, no file and an unknown option are exit code 2', async () => {
    expect(await runProxy(['--config', '/no/such/file'])).toMatchObject({ code: 2 });
    expect(await runProxy([])).toMatchObject({ code: 2 });
    expect(await runProxy(['--verbose'])).toMatchObject({ code: 2 });
    const version = await runProxy(['--version']);
    expect(version.stdout).toMatch(/^dharma-proxy \d+\.\d+\.\d+/);
  });

  it('a control socket left by a killed proxy is taken over, one in use is not', async () => {
    const node = await startNode(echo);
    const first = await startProxy([node.node]);
    const folder = await temporaryFolder();
    const file = join(folder, 'proxy.json');
    await writeFile(file, JSON.stringify({ ...base, control: first.controlPath }));
    const refused = await runProxy(['--config', file]);
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.stderr).toContain('another proxy listens there');
    await first.kill();
    const second = await startProxy([node.node], { control: first.controlPath });
    const peer = new ControlPeer(first.controlPath);
    expect((await eventually(() => peer.of('Hello')[0])).pid).toBe(second.child.pid);
  });

  it('SIGTERM lets open requests finish and then ends with 0', async () => {
    let finish: (() => void) | undefined;
    const node = await startNode((_, response) => {
      finish = () => response.end('whole');
    });
    const proxy = await startProxy([node.node], { drainTimeout: 30_000 });
    const idle = await open(proxy.at);
    const slow = exchange(proxy.at, get('/'));
    await eventually(() => finish);
    const ended = proxy.stop();
    await new Promise((closed) => idle.once('close', closed));
    await delay(50);
    finish?.();
    const answer = await slow;
    expect(answer).toMatch(/whole$/);
    expect(answer).toContain('Connection: close\r\n');
    expect(await ended).toMatchObject({ code: 0, signal: null });
  });

  it('SIGTERM cuts what does not finish within drainTimeout', async () => {
    const node = await startRawNode(() => undefined);
    const proxy = await startProxy([node.node], { drainTimeout: 100 });
    const hanging = exchange(proxy.at, get('/'));
    await eventually(() => (node.connections ? true : undefined));
    expect(await proxy.stop()).toMatchObject({ code: 0 });
    await hanging;
  });
});
