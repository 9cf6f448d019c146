import { spawnSync } from 'node:child_process';
import { readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterEach, describe, expect, it } from 'vitest';

import type { CacheFrame } from '../../common/frames/index.js';
import {
  ControlPeer,
  cleanUp,
  closedOf,
  eventually,
  exchange,
  lastGet,
  open,
  startNode,
  startProxy,
  subscribe,
  takeOver,
  temporaryFolder,
} from './proxy-harness.js';
import type { Proxy, Upstream } from './proxy-harness.js';
import { bodyOf } from './raw-answer.js';

afterEach(cleanUp);

interface World {
  node: Upstream;
  folder: string;
  start: (cache?: Record<string, unknown>) => Promise<Proxy & { at: number }>;
}

/** An origin whose answers tell one from the next, and a folder; proxies come and go. */
async function world(
  fields: Record<string, string> = { 'Cache-Control': 'max-age=600' },
  size = 0,
): Promise<World> {
  let count = 0;
  const node = await startNode((request, response) => {
    for (const [name, value] of Object.entries(fields)) response.setHeader(name, value);
    count++;
    response.end(`${request.url} ${request.headers['accept-language'] ?? ''} ${count} ${'x'.repeat(size)}`);
  });
  const folder = join(await temporaryFolder(), 'cache');
  return {
    node,
    folder,
    start: (cache = {}) =>
      startProxy([node.node], {
        routes: [{ pattern: '/*rest', class: 'asset' }],
        cache: { diskPath: folder, ...cache },
      }),
  };
}

const files = async (folder: string, count: number): Promise<string[]> =>
  eventually(async () => {
    const names = (await readdir(folder)).filter((name) => /^[0-9a-f]{32}$/.test(name));
    return names.length === count ? names : undefined;
  });

/** The newest figures of the cache, when they are as wanted. */
const figures = (peer: ControlPeer, when: (frame: CacheFrame) => boolean): Promise<CacheFrame> =>
  eventually(() => {
    const last = peer.of('Cache').at(-1);
    return last && when(last) ? last : undefined;
  });

describe('a restart', () => {
  it.each(['SIGTERM', 'SIGKILL'] as const)('by %s loses nothing that was written', async (signal) => {
    const { node, folder, start } = await world({
      'Cache-Control': 'max-age=600',
      ETag: '"a"',
      Vary: 'Accept-Language',
    });
    const first = await start();
    const ask = (proxy: { at: number }, path: string, language = 'de'): Promise<string> =>
      exchange(proxy.at, lastGet(path, `Accept-Language: ${language}\r\n`)).then(bodyOf);
    const before = [await ask(first, '/a'), await ask(first, '/b'), await ask(first, '/a', 'fr')];
    await files(folder, 3);
    if (signal === 'SIGKILL') await first.kill();
    else await first.stop();
    const second = await start();
    expect([await ask(second, '/a'), await ask(second, '/b'), await ask(second, '/a', 'fr')]).toEqual(before);
    expect(node.requests).toBe(3);
    const peer = await subscribe(second, {});
    expect(await figures(peer, () => true)).toMatchObject({ diskHits: 3, diskObjects: 3, diskDamaged: 0 });
    expect(await ask(second, '/a', 'it')).toContain(' 4 ');
  });

  it('leaves stale answers to be validated, not believed', async () => {
    const { node, folder, start } = await world({ 'Cache-Control': 'max-age=0', ETag: '"a"' });
    const first = await start();
    await exchange(first.at, lastGet('/a'));
    await files(folder, 1);
    await first.kill();
    const second = await start();
    expect(bodyOf(await exchange(second.at, lastGet('/a')))).toContain(' 2 ');
    expect(node.requests).toBe(2);
  });

  it('with many clients at once reads a file once', async () => {
    const { node, folder, start } = await world({ 'Cache-Control': 'max-age=600' }, 300_000);
    const first = await start();
    const before = bodyOf(await exchange(first.at, 'GET /a HTTP/1.0\r\nHost: test\r\n\r\n'));
    await files(folder, 1);
    await first.kill();
    const second = await start();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => exchange(second.at, lastGet('/a')).then(bodyOf)),
    );
    expect(new Set(answers)).toEqual(new Set([before]));
    expect(node.requests).toBe(1);
    expect(await figures(await subscribe(second, {}), () => true)).toMatchObject({ diskHits: 1 });
  });
});

describe('a file that is not as it was written', () => {
  it.each<[string, (file: string) => Promise<void>]>([
    [
      'a byte of the body',
      async (file): Promise<void> => {
        const bytes = await readFile(file);
        bytes[bytes.length - 2]! ^= 1;
        await writeFile(file, bytes);
      },
    ],
    [
      'a byte of the head',
      async (file): Promise<void> => {
        const bytes = await readFile(file);
        bytes[bytes.indexOf('HTTP/1.1') + 20]! ^= 1;
        await writeFile(file, bytes);
      },
    ],
    ['its end', async (file): Promise<void> => truncate(file, (await stat(file)).size - 1)],
    ['all of it', async (file): Promise<void> => writeFile(file, 'not ours')],
  ])('is dropped and counted, and the origin asked: %s', async (_, damage) => {
    const { node, folder, start } = await world();
    const first = await start();
    const before = bodyOf(await exchange(first.at, lastGet('/a')));
    const [name] = await files(folder, 1);
    await first.kill();
    await damage(join(folder, name!));
    const second = await start();
    const after = bodyOf(await exchange(second.at, lastGet('/a')));
    expect(before).toContain(' 1 ');
    expect(after).toContain(' 2 ');
    expect(node.requests).toBe(2);
    expect(await figures(await subscribe(second, {}), () => true)).toMatchObject({
      diskDamaged: 1,
      diskHits: 0,
    });
    await files(folder, 1);
  });

  it('or was never finished, or is under a name that is not its own, is not taken in; files of others are let alone', async () => {
    const { node, folder, start } = await world();
    const first = await start();
    await exchange(first.at, lastGet('/a'));
    const [name] = await files(folder, 1);
    await first.kill();
    const bytes = await readFile(join(folder, name!));
    await writeFile(join(folder, '0'.repeat(32)), bytes);
    await writeFile(join(folder, '4711.new'), bytes.subarray(0, 40));
    await writeFile(join(folder, 'readme'), 'mine');
    const second = await start();
    expect(bodyOf(await exchange(second.at, lastGet('/a')))).toContain(' 1 ');
    await eventually(async () =>
      (await readdir(folder)).sort().join() === [name, 'readme'].sort().join() ? true : undefined,
    );
    expect(node.requests).toBe(1);
  });
});

describe('a purge', () => {
  it('by prefix takes what is in memory and on disk, for good', async () => {
    const { folder, start } = await world();
    const first = await start();
    const ask = (proxy: { at: number }, path: string): Promise<string> =>
      exchange(proxy.at, lastGet(path)).then(bodyOf);
    for (const path of ['/img/a', '/img/b', '/css/a']) await ask(first, path);
    await files(folder, 3);
    await first.kill();
    const second = await start();
    await ask(second, '/img/a');
    const peer = new ControlPeer(second.controlPath);
    const purge = async (prefix: string): Promise<number> => {
      const before = peer.of('Purged').length;
      peer.send({ kind: 'Purge', prefix });
      return eventually(() => peer.of('Purged')[before]?.count);
    };
    expect(await purge('/img/')).toBe(2);
    await files(folder, 1);
    expect(await ask(second, '/img/a')).toContain(' 4 ');
    expect(await ask(second, '/css/a')).toContain(' 3 ');
    await files(folder, 2);
    expect(await purge('http://elsewhere/')).toBe(0);
    expect(await purge('http://test/')).toBe(2);
    await second.kill();
    const third = await start();
    expect(await ask(third, '/css/a')).toContain(' 5 ');
  });
});

describe('room', () => {
  it('on disk and in memory is kept to', async () => {
    const { folder, start } = await world({ 'Cache-Control': 'max-age=600' }, 100_000);
    const proxy = await start({ diskBytes: 1 << 20, memoryBytes: 300_000, objectBytes: 150_000 });
    for (let i = 0; i < 25; i++) expect(bodyOf(await exchange(proxy.at, lastGet(`/${i}`)))).toContain('xxx');
    const last = await figures(await subscribe(proxy, {}), () => true);
    expect(last.diskBytes).toBeGreaterThan(500_000);
    expect(last.diskBytes).toBeLessThanOrEqual(1 << 20);
    expect(last.bytes).toBeLessThanOrEqual(300_000);
    const sizes = await Promise.all(
      (await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size),
    );
    expect(sizes.reduce((a, b) => a + b)).toBeLessThanOrEqual(1 << 20);
  });

  it('that the disk has not is counted, and everything served', async (context) => {
    const { node, folder } = await world({ 'Cache-Control': 'max-age=600' }, 100_000);
    const mount = `mkdir -p ${folder} && mount -t tmpfs -o size=1m dharma-test ${folder}`;
    if (spawnSync('unshare', ['-m', 'sh', '-c', mount]).status !== 0) context.skip();
    const proxy = await startProxy(
      [node.node],
      { routes: [{ pattern: '/*rest', class: 'asset' }], cache: { diskPath: folder } },
      `exec unshare -m sh -c '${mount} && exec "$@"' sh "$@"`,
    );
    const peer = await subscribe(proxy, {});
    for (let i = 0; i < 25; i++) expect(bodyOf(await exchange(proxy.at, lastGet(`/${i}`)))).toContain('xxx');
    const full = await figures(peer, (f) => f.diskFailures + f.diskObjects === 25);
    expect(full.diskObjects).toBeGreaterThan(5);
    expect(full.diskBytes).toBeLessThanOrEqual(1 << 20);
    // Room that comes back is used again.
    peer.send({ kind: 'Purge', prefix: '/' });
    await figures(peer, (f) => f.diskObjects === 0);
    for (let i = 0; i < 3; i++) await exchange(proxy.at, lastGet(`/again/${i}`));
    await figures(peer, (f) => f.diskObjects === 3);
  });

  it('that cannot be written to is counted, and everything served', async () => {
    const { node, folder, start } = await world();
    const proxy = await start();
    const peer = await subscribe(proxy, {});
    await rm(folder, { recursive: true });
    for (let i = 0; i < 3; i++) expect(bodyOf(await exchange(proxy.at, lastGet('/a')))).toContain('/a  1 ');
    expect(await figures(peer, (f) => f.diskFailures === 1)).toMatchObject({ objects: 1, diskObjects: 0 });
    expect(node.requests).toBe(1);
  });
});

describe('figures', () => {
  it('say what became of requests', async () => {
    const { start } = await world();
    const proxy = await start();
    const peer = await subscribe(proxy, {});
    for (let i = 0; i < 5; i++) await exchange(proxy.at, lastGet('/a'));
    await exchange(proxy.at, 'HEAD /b HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n');
    const sum = (pick: (f: CacheFrame) => number): number =>
      peer.of('Cache').reduce((n, f) => n + pick(f), 0);
    await eventually(() => (sum((f) => f.bypassed) === 1 ? true : undefined));
    expect([sum((f) => f.misses), sum((f) => f.hits), sum((f) => f.stored)]).toEqual([1, 4, 1]);
    expect(sum((f) => f.fetchBytes)).toBe('/a  1 '.length);
  });
});

describe('a process that takes over', () => {
  it('has the folder to itself: what the old one still fetches is served, and comes back after no purge', async () => {
    let go = (): void => undefined;
    let count = 0;
    const node = await startNode((request, response) => {
      const mine = ++count;
      const end = (): void => void response.end(`${request.url} of ${mine}`);
      response.setHeader('Cache-Control', 'max-age=600');
      if (mine === 3) go = end;
      else end();
    });
    const folder = join(await temporaryFolder(), 'cache');
    const old = await startProxy([node.node], {
      routes: [{ pattern: '/*rest', class: 'asset' }],
      cache: { diskPath: folder },
    });
    for (const path of ['/a', '/b']) await exchange(old.at, lastGet(path));
    await files(folder, 2);
    const client = await open(old.at);
    client.write(lastGet('/slow'));
    await eventually(() => (count === 3 ? true : undefined));
    const proxy = await takeOver(old);
    expect(bodyOf(await exchange(proxy.at, lastGet('/a')))).toBe('/a of 1');
    go();
    await closedOf(client);
    expect(bodyOf(client.received())).toBe('/slow of 3');
    await old.ended;
    expect(await files(folder, 2)).toHaveLength(2);
    const peer = await subscribe(proxy, {});
    peer.send({ kind: 'Purge', prefix: '/' });
    expect(await eventually(() => peer.of('Purged')[0])).toMatchObject({ count: 2 });
    expect(await readdir(folder)).toEqual([]);
    expect(bodyOf(await exchange(proxy.at, lastGet('/slow')))).toBe('/slow of 4');
    await files(folder, 1);
  });

  it('while both run, under load, loses no answer and no file, and counts none as damaged', async () => {
    const { node, folder, start } = await world({ 'Cache-Control': 'max-age=600' }, 50_000);
    let proxy = await start();
    const port = proxy.at;
    for (let round = 0; round < 4; round++) {
      let over = false;
      const ask = async (from: number): Promise<void> => {
        for (let i = from; !over; i = (i + 7) % 60)
          expect(bodyOf(await exchange(port, lastGet(`/${i}`)))).toMatch(new RegExp(`^/${i}  \\d+ x+$`));
      };
      const clients = [0, 1, 2, 3].map(ask);
      const old = proxy;
      proxy = await takeOver(old);
      expect((await old.ended).code).toBe(0);
      over = true;
      await Promise.all(clients);
    }
    for (let i = 0; i < 60; i++) await exchange(port, lastGet(`/${i}`));
    await files(folder, 60);
    const before = node.requests;
    const frame = await figures(await subscribe(proxy, {}), (f) => f.diskObjects === 60);
    expect(frame).toMatchObject({ diskDamaged: 0, diskFailures: 0 });
    await proxy.kill();
    const next = await start();
    for (let i = 0; i < 60; i++) await exchange(next.at, lastGet(`/${i}`));
    expect(node.requests).toBe(before);
  });
});
