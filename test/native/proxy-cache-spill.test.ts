/** Answers that are too large for the memory go into a file as they come. */
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { open as openFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterEach, describe, expect, it } from 'vitest';

import type { CacheFrame } from '../../common/frames/index.js';
import {
  cleanUp,
  eventually,
  exchange,
  get,
  lastGet,
  open,
  settled,
  startNode,
  startProxy,
  subscribe,
  temporaryFolder,
} from './proxy-harness.js';
import type { Proxy, ProxyConfig, Upstream, ControlPeer } from './proxy-harness.js';
import { bodyOf } from './raw-answer.js';

afterEach(cleanUp);

/** Many times what one answer may take of the memory (a megabyte, below). */
const LARGE = 20_000_000;
const body = randomBytes(LARGE);
const hashOf = (bytes: Buffer | string): string =>
  createHash('sha256')
    .update(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
    .digest('hex');
const whole = hashOf(body);

interface World {
  readonly node: Upstream;
  readonly folder: string;
  readonly seen: IncomingMessage[];
  readonly start: (
    cache?: ProxyConfig,
    shell?: string,
    more?: ProxyConfig,
  ) => Promise<Proxy & { at: number }>;
}

const all = (_: IncomingMessage, response: ServerResponse): void => void response.end(body);

/** An origin of large answers, its length told, and a proxy with little memory. */
async function world(
  answer: (request: IncomingMessage, response: ServerResponse) => void = all,
): Promise<World> {
  const seen: IncomingMessage[] = [];
  const node = await startNode((request, response) => {
    seen.push(request);
    response.setHeader('Cache-Control', 'max-age=600');
    response.setHeader('Content-Length', LARGE);
    answer(request, response);
  });
  const folder = join(await temporaryFolder(), 'cache');
  const routes = [{ pattern: '/*rest', class: 'asset' }];
  const start = (
    cache: ProxyConfig = {},
    shell?: string,
    more: ProxyConfig = {},
  ): Promise<Proxy & { at: number }> =>
    startProxy(
      [node.node],
      {
        routes,
        cache: { diskPath: folder, memoryBytes: 2_000_000, objectBytes: 1_000_000, ...cache },
        ...more,
      },
      shell,
    );
  return { node, folder, seen, start };
}

const figures = (peer: ControlPeer, when: (frame: CacheFrame) => boolean): Promise<CacheFrame> =>
  eventually(() => {
    const last = peer.of('Cache').at(-1);
    return last && when(last) ? last : undefined;
  });

const stored = (peer: ControlPeer): Promise<CacheFrame> => figures(peer, (f) => f.diskObjects === 1);

/** Resolves once so many bytes have come on a connection. */
async function received(socket: Awaited<ReturnType<typeof open>>, bytes: number): Promise<void> {
  await eventually(() => (socket.received().length >= bytes ? true : undefined));
}

describe('an answer that is too large for the memory', () => {
  it.each(['SIGTERM', 'SIGKILL'] as const)('is kept on disk, and is there after a %s', async (signal) => {
    const { node, start } = await world();
    const first = await start();
    const peer = await subscribe(first, {});
    expect(hashOf(bodyOf(await exchange(first.at, lastGet('/film'))))).toBe(whole);
    const frame = await stored(peer);
    expect(frame.bytes).toBeLessThan(10_000);
    expect(frame.diskBytes).toBeGreaterThan(LARGE);
    expect(hashOf(bodyOf(await exchange(first.at, lastGet('/film'))))).toBe(whole);
    peer.socket.destroy();
    await (signal === 'SIGKILL' ? first.kill() : first.stop());
    const second = await start();
    const part = await exchange(second.at, lastGet('/film', 'Range: bytes=19000000-19000009\r\n'));
    expect(part).toContain(' 206 ');
    expect(bodyOf(part)).toBe(body.subarray(19_000_000, 19_000_010).toString('latin1'));
    expect(hashOf(bodyOf(await exchange(second.at, lastGet('/film'))))).toBe(whole);
    expect(node.requests).toBe(1);
  });

  it('is given to all who ask as it comes, by one fetch, also when the first of them leaves', async () => {
    let go = (): void => undefined;
    const { node, start } = await world((_, response) => {
      response.write(body.subarray(0, LARGE / 2));
      go = () => void response.end(body.subarray(LARGE / 2));
    });
    const proxy = await start();
    const clients = [];
    for (let i = 0; i < 4; i++) {
      const client = await open(proxy.at);
      client.write(lastGet('/film'));
      await received(client, LARGE / 2);
      clients.push(client);
    }
    clients.shift()!.destroy();
    go();
    for (const client of clients) {
      if (!client.closed) await once(client, 'close');
      expect(hashOf(bodyOf(client.received()))).toBe(whole);
    }
    expect(node.requests).toBe(1);
    const peer = await subscribe(proxy, {});
    await stored(peer);
    expect((await settled(peer)).waitSumNs).toBe(0n);
  });

  it('is given by HTTP/2 as it comes, and the tee knows it by its length and hash', async () => {
    let go = (): void => undefined;
    const { node, start } = await world((_, response) => {
      response.write(body.subarray(0, LARGE / 2));
      go = () => void response.end(body.subarray(LARGE / 2));
    });
    const proxy = await start({}, undefined, {
      listen: [{ address: '127.0.0.1', port: 0, http2: true }],
      capture: { enabled: true, maxBodyBytes: 1000 },
    });
    const peer = await subscribe(proxy, { exchanges: true });
    const session = connectHttp2(`http://127.0.0.1:${proxy.at}`);
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of session.request({ ':path': '/film' }) as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      const before = bytes;
      bytes += chunk.length;
      // All that the origin has sent has come: now it sends the rest.
      if (before < LARGE / 2 && bytes >= LARGE / 2) go();
    }
    session.close();
    expect(hashOf(Buffer.concat(chunks))).toBe(whole);
    expect(node.requests).toBe(1);
    const [record] = await peer.exchanges(1);
    expect(record).toMatchObject({ responseBodyLength: LARGE, target: '/film' });
    expect(record!.responseBodyHash.toString('hex')).toBe(whole);
    expect(record!.responseBody.equals(body.subarray(0, 1000))).toBe(true);
  });

  it('makes the origin wait for no client, and its part that is far away comes from the origin at once', async () => {
    let go = (): void => undefined;
    const { seen, start } = await world((request, response) => {
      if (request.headers.range !== undefined) {
        response.writeHead(206, { 'Content-Length': 5, 'Content-Range': `bytes 19000000-19000004/${LARGE}` });
        return response.end('apart');
      }
      response.write(body.subarray(0, LARGE / 2));
      go = () => void response.end(body.subarray(LARGE / 2));
    });
    const proxy = await start();
    // Who asks first for a part begins the fetch of the whole, and does not wait for it.
    const far = lastGet('/film', 'Range: bytes=19000000-19000004\r\n');
    expect(bodyOf(await exchange(proxy.at, far))).toBe('apart');
    expect(bodyOf(await exchange(proxy.at, far))).toBe('apart');
    const near = await exchange(proxy.at, lastGet('/film', 'Range: bytes=5-9\r\n'));
    expect(bodyOf(near)).toBe(body.subarray(5, 10).toString('latin1'));
    expect(seen.map((request) => request.headers.range)).toEqual([
      undefined,
      'bytes=19000000-19000004',
      'bytes=19000000-19000004',
    ]);
    const peer = await subscribe(proxy, {});
    go();
    await stored(peer);
    expect(bodyOf(await exchange(proxy.at, far))).toBe(
      body.subarray(19_000_000, 19_000_005).toString('latin1'),
    );
    expect(seen).toHaveLength(3);
  });

  it('that is cut off is cut for all, and leaves nothing behind', async () => {
    let cut = (): void => undefined;
    const { folder, start } = await world((_, response) => {
      response.write(body.subarray(0, LARGE / 2));
      cut = () => void response.destroy();
    });
    const proxy = await start();
    const peer = await subscribe(proxy, {});
    const clients = [await open(proxy.at), await open(proxy.at)];
    for (const client of clients) {
      client.write(get('/film'));
      await received(client, LARGE / 2);
    }
    expect(await readdir(folder)).toHaveLength(1);
    cut();
    await eventually(() => (clients.every((client) => client.closed) ? true : undefined));
    await eventually(async () => ((await readdir(folder)).length === 0 ? true : undefined));
    await figures(peer, (f) => f.diskBytes === 0 && f.bytes === 0);
    expect((await settled(peer)).waitSumNs).toBe(0n);
  });

  it('is not kept when it is purged on its way, nor when it ends with the proxy', async () => {
    let go = (): void => undefined;
    const { node, folder, start } = await world((_, response) => {
      response.write(body.subarray(0, LARGE / 2));
      go = () => void response.end(body.subarray(LARGE / 2));
    });
    const proxy = await start();
    const peer = await subscribe(proxy, {});
    const client = await open(proxy.at);
    client.write(lastGet('/film'));
    await received(client, LARGE / 2);
    peer.send({ kind: 'Purge', prefix: '/' });
    await eventually(() => peer.of('Purged')[0]);
    go();
    if (!client.closed) await once(client, 'close');
    expect(hashOf(bodyOf(client.received()))).toBe(whole);
    await eventually(async () => ((await readdir(folder)).length === 0 ? true : undefined));
    const again = await open(proxy.at);
    again.write(lastGet('/film'));
    await received(again, LARGE / 2);
    expect(node.requests).toBe(2);
    await proxy.kill();
    expect(await readdir(folder)).toHaveLength(1);
    // What a crash left behind goes at the next start.
    await start();
    expect(await readdir(folder)).toEqual([]);
  });

  it('that the disk has no room for is served, and counted', async (context) => {
    const { node, folder, start } = await world();
    const mount = `mkdir -p ${folder} && mount -t tmpfs -o size=8m dharma-test ${folder}`;
    if (spawnSync('unshare', ['-m', 'sh', '-c', mount]).status !== 0) context.skip();
    const proxy = await start({}, `exec unshare -m sh -c '${mount} && exec "$@"' sh "$@"`);
    const peer = await subscribe(proxy, {});
    for (let i = 1; i <= 2; i++) {
      expect(hashOf(bodyOf(await exchange(proxy.at, lastGet('/film'))))).toBe(whole);
      expect(await figures(peer, (f) => f.diskFailures === i)).toMatchObject({
        diskObjects: 0,
        diskBytes: 0,
      });
    }
    expect(node.requests).toBe(2 * 1);
  });

  it('passes by where it is larger than the disk may hold of one', async () => {
    const { node, folder, start } = await world();
    const proxy = await start({ diskBytes: 2 * LARGE });
    for (let i = 1; i <= 2; i++) {
      expect(hashOf(bodyOf(await exchange(proxy.at, lastGet('/film'))))).toBe(whole);
      expect(node.requests).toBe(i);
    }
    expect(await readdir(folder)).toEqual([]);
  });

  it('whose file is damaged is fetched again', async () => {
    const { node, folder, start } = await world();
    const first = await start();
    const peer = await subscribe(first, {});
    await exchange(first.at, lastGet('/film'));
    await stored(peer);
    await first.kill();
    const file = await openFile(join(folder, (await readdir(folder))[0]!), 'r+');
    await file.write(
      Buffer.from([body[12_345_678]! ^ 1]),
      0,
      1,
      (await file.stat()).size - LARGE + 12_345_678,
    );
    await file.close();
    await writeFile(join(folder, 'readme'), 'mine');
    const second = await start();
    expect(hashOf(bodyOf(await exchange(second.at, lastGet('/film'))))).toBe(whole);
    expect(node.requests).toBe(2);
    expect(await figures(await subscribe(second, {}), (f) => f.diskDamaged === 1)).toBeDefined();
  });
});
