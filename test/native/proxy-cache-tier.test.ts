/** Stored answers whose body stays in its file: sent by the kernel where nobody needs to see the bytes, read where somebody does. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { readdir, truncate } from 'node:fs/promises';
import { connect as connectHttp2 } from 'node:http2';
import { get as getHttps } from 'node:https';
import { join } from 'node:path';

import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';

import {
  cleanUp,
  delay,
  eventually,
  exchange,
  lastGet,
  open,
  startNode,
  startProxy,
  subscribe,
  temporaryFolder,
} from './proxy-harness.js';
import type { Proxy, ProxyConfig, Upstream } from './proxy-harness.js';
import { pair } from './tls-files.js';

afterEach(cleanUp);

const LARGE = 3_000_000;
const body = randomBytes(LARGE);
const text = body.toString('latin1');
const hashOf = (bytes: Buffer | string): string =>
  createHash('sha256')
    .update(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
    .digest('hex');
const bodyOf = (answer: string): string => answer.slice(answer.indexOf('\r\n\r\n') + 4);

interface World {
  readonly node: Upstream;
  readonly folder: string;
  readonly proxy: Proxy & { at: number };
}

/** A proxy that has the large body in its file only. */
async function world(more: ProxyConfig = {}, shell?: string): Promise<World> {
  const node = await startNode((request, response) => {
    response.setHeader('Cache-Control', 'max-age=600');
    response.end(request.url === '/small' ? 'small' : body);
  });
  const folder = join(await temporaryFolder(), 'cache');
  const config = {
    routes: [{ pattern: '/*rest', class: 'asset' }],
    cache: { diskPath: folder, memoryBytes: 50_000_000 },
    ...more,
  };
  return { node, folder, proxy: await startProxy([node.node], config, shell) };
}

/** Files of the cache that the proxy holds open. */
function openFiles({ proxy, folder }: World): number {
  const dir = `/proc/${proxy.child.pid}/fd`;
  const targets = readdirSync(dir).flatMap((name) => {
    try {
      return [readlinkSync(join(dir, name))];
    } catch {
      return []; // Closed meanwhile.
    }
  });
  return targets.filter((target) => target.startsWith(`${folder}/`)).length;
}

/** Asks once, and waits until the answer has left the memory. */
async function stored(w: World, path = '/large'): Promise<void> {
  const before = openFiles(w);
  const peer = await subscribe(w.proxy, {});
  expect(hashOf(bodyOf(await exchange(w.proxy.at, lastGet(path))))).toBe(hashOf(body));
  await eventually(() => (openFiles(w) === before + 1 ? true : undefined));
  await eventually(() => {
    const frame = peer.of('Cache').at(-1);
    return frame && frame.diskObjects > 0 && frame.bytes < 100_000 ? true : undefined;
  });
  peer.socket.destroy();
}

function overTls(port: number): Promise<string> {
  const options = {
    host: '127.0.0.1',
    port,
    path: '/large',
    rejectUnauthorized: false,
    agent: false as const,
  };
  return new Promise((resolve, reject) => {
    getHttps(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (d: Buffer) => chunks.push(d));
      response.on('end', () => resolve(hashOf(Buffer.concat(chunks))));
    }).on('error', reject);
  });
}

async function overHttp2(port: number): Promise<string> {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  const chunks: Buffer[] = [];
  for await (const d of session.request({ ':path': '/large' })) chunks.push(d as Buffer);
  session.close();
  return hashOf(Buffer.concat(chunks));
}

describe('a long stored answer', () => {
  it('leaves the memory for its file, and comes from there byte for byte, its parts too', async () => {
    const w = await world();
    await stored(w);
    const { at } = w.proxy;
    expect(hashOf(bodyOf(await exchange(at, lastGet('/large'))))).toBe(hashOf(body));
    await fc.assert(
      fc.asyncProperty(fc.nat(LARGE - 1), fc.nat(LARGE - 1), async (a, b) => {
        const [from, to] = a < b ? [a, b] : [b, a];
        const answer = await exchange(at, lastGet('/large', `Range: bytes=${from}-${to}\r\n`));
        expect(answer).toMatch(/^HTTP\/1.1 206 /);
        expect(hashOf(bodyOf(answer))).toBe(hashOf(body.subarray(from, to + 1)));
      }),
      { numRuns: 20 },
    );
    expect(w.node.requests).toBe(1);
  });

  it('stands in its place among the answers of a pipeline', async () => {
    const w = await world();
    await stored(w);
    const ask = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`;
    const head = `HEAD /large HTTP/1.1\r\nHost: test\r\n\r\n`;
    const answers = await exchange(
      w.proxy.at,
      ask('/small') + ask('/large') + head + ask('/small') + ask('/large') + lastGet('/small'),
    );
    const bodies = answers.split(/HTTP\/1\.1 200 OK\r\n/).slice(1);
    expect(bodies.map((answer) => bodyOf(answer).length)).toEqual([5, LARGE, 0, 5, LARGE, 5]);
    expect(bodies.filter((answer) => bodyOf(answer) === text)).toHaveLength(2);
  });

  it('waits for a client that reads slowly, while others get it', async () => {
    const w = await world();
    await stored(w);
    const slow = await open(w.proxy.at);
    slow.pause();
    slow.write(lastGet('/large'));
    await delay(100);
    for (let i = 0; i < 3; i++)
      expect(bodyOf(await exchange(w.proxy.at, lastGet('/large')))).toHaveLength(LARGE);
    const closed = once(slow, 'close');
    for (let i = 0; i < 20; i++) {
      slow.resume();
      await delay(2);
      slow.pause();
      await delay(2);
    }
    slow.resume();
    await closed;
    expect(hashOf(bodyOf(slow.received()))).toBe(hashOf(body));
  });

  it.each([
    ['over TLS', { tls: true }, overTls],
    ['of HTTP/2', { http2: true }, overHttp2],
  ])('is read for a client %s', async (_, listen, ask) => {
    const tls = 'tls' in listen ? { certificates: [await pair(await temporaryFolder(), 'a')] } : undefined;
    const w = await world({ listen: [{ address: '127.0.0.1', port: 0, ...listen }], ...(tls && { tls }) });
    expect(await ask(w.proxy.at)).toBe(hashOf(body));
    await eventually(() => (openFiles(w) === 1 ? true : undefined));
    expect(await Promise.all([ask(w.proxy.at), ask(w.proxy.at)])).toEqual([hashOf(body), hashOf(body)]);
    expect(w.node.requests).toBe(1);
  });

  it('is on the record of what clients got', async () => {
    const w = await world({ capture: { enabled: true, maxBodyBytes: 4_000_000 } });
    await stored(w);
    const peer = await subscribe(w.proxy, { exchanges: true });
    await exchange(w.proxy.at, lastGet('/large'));
    const [record] = await peer.exchanges(1);
    expect(hashOf(Buffer.from(record!.responseBody))).toBe(hashOf(body));
  });

  it('ends in a cut connection, never in a hang or in too few bytes that look whole, when its file is cut short', async () => {
    const w = await world();
    await stored(w);
    const [name] = await readdir(w.folder);
    await truncate(join(w.folder, name!), 1_000_000);
    const answer = await exchange(w.proxy.at, lastGet('/large'));
    expect(answer).toContain(`Content-Length: ${LARGE}`);
    expect(bodyOf(answer).length).toBeLessThan(LARGE);
    expect(bodyOf(await exchange(w.proxy.at, lastGet('/small')))).toBe('small');
  });

  it('is sent to its end although it is purged meanwhile, and its file is closed then', async () => {
    const w = await world();
    await stored(w);
    const slow = await open(w.proxy.at);
    slow.pause();
    slow.write(lastGet('/large'));
    await delay(100);
    const peer = await subscribe(w.proxy, {});
    peer.send({ kind: 'Purge', prefix: '/large' });
    await eventually(() => peer.of('Purged').at(-1));
    expect(await readdir(w.folder)).toEqual([]);
    const closed = once(slow, 'close');
    slow.resume();
    await closed;
    expect(hashOf(bodyOf(slow.received()))).toBe(hashOf(body));
    await eventually(() => (openFiles(w) === 0 ? true : undefined));
  });

  it('stays in memory where no more files may be open', async () => {
    // 1 worker: a sixteenth of what is left of 120 descriptors is a few files.
    const w = await world({ workers: 1 }, 'ulimit -n 120 && exec "$@"');
    const paths = Array.from({ length: 12 }, (_, i) => `/large/${i}`);
    for (const path of paths) expect(bodyOf(await exchange(w.proxy.at, lastGet(path)))).toHaveLength(LARGE);
    const peer = await subscribe(w.proxy, {});
    await eventually(() => (peer.of('Cache').at(-1)?.diskObjects === paths.length ? true : undefined));
    expect(openFiles(w)).toBeGreaterThan(0);
    expect(openFiles(w)).toBeLessThan(8);
    for (const path of paths)
      expect(hashOf(bodyOf(await exchange(w.proxy.at, lastGet(path))))).toBe(hashOf(body));
    expect(w.node.requests).toBe(paths.length);
    expect(readFileSync(`/proc/${w.proxy.child.pid}/limits`, 'utf8')).toMatch(/Max open files +120 /);
  });
});
