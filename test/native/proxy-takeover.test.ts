import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import type { Socket } from 'node:net';

import { afterEach, describe, expect, it } from 'vitest';

import {
  cleanUp,
  closedOf,
  delay,
  echo,
  eventually,
  exchange,
  freePort,
  get,
  lastGet,
  open,
  runProxy,
  settled,
  startNode,
  startProxy,
  startRawNode,
  subscribe,
  takeOver,
} from './proxy-harness.js';
import { load } from './proxy-load.js';

afterEach(cleanUp);

/** A node that accepts any upgrade and sends back what it gets. */
const mirror = (name: string): ReturnType<typeof startRawNode> =>
  startRawNode((socket) => {
    let upgraded = false;
    socket.on('data', (data: Buffer) => {
      if (upgraded) socket.write(data);
      else
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
      upgraded = true;
    });
  }, name);

async function upgrade(port: number): Promise<Socket> {
  const socket = await open(port);
  socket.write(get('/ws', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'));
  await once(socket, 'data');
  return socket;
}

async function says(socket: Socket, text: string): Promise<string> {
  const answer = once(socket, 'data') as Promise<[Buffer]>;
  socket.write(text);
  return String((await answer)[0]);
}

describe('a new process that takes over', () => {
  it.each([1, 2])(
    'loses no request under load and no WebSocket, time and again (%i workers)',
    async (workers) => {
      const node = await startNode(echo, 'a');
      const sockets = await mirror('ws');
      const first = await startProxy(
        [
          { ...node.node, class: 'app' },
          { ...sockets.node, class: 'ws' },
        ],
        {
          workers,
          routes: [
            { pattern: '/ws', class: 'realtime', nodeClasses: ['ws'] },
            { pattern: '/:n', nodeClasses: ['app'] },
          ],
        },
      );
      const tunnels = await Promise.all(Array.from({ length: 6 }, () => upgrade(first.at)));
      const clients = load(first.at, 16);
      const all = [first];
      for (let i = 0; i < 3; i++) {
        const next = await takeOver(all.at(-1)!);
        expect(next.at).toBe(first.at);
        await delay(50);
        for (const [n, socket] of tunnels.entries())
          expect(await says(socket, `${i}.${n}`)).toBe(`${i}.${n}`);
        tunnels.push(await upgrade(next.at));
        all.push(next);
      }
      const { done, failed } = await clients.stop();
      expect(failed).toEqual([]);
      expect(done).toBeGreaterThan(50);
      for (const old of all.slice(0, -1)) expect(old.child.exitCode).toBeNull();
      for (const socket of tunnels) socket.destroy();
      // Each old one ends by itself when its last tunnel has; its accounts are asserted to be zero as it does.
      for (const old of all.slice(0, -1)) expect((await old.ended).code).toBe(0);
      const peer = await subscribe(all.at(-1)!, {});
      expect((await settled(peer)).waitSumNs).toBe(0n);
    },
  );

  it('finishes what the old one began, and tells its idle clients to go with their next answer', async () => {
    let finish: (() => void) | undefined;
    const node = await startNode((request, response) => {
      if (request.url === '/slow') finish = () => response.end('slow');
      else response.end('quick');
    });
    const first = await startProxy([node.node]);
    const slow = exchange(first.at, lastGet('/slow'));
    const idle = await open(first.at);
    idle.write(get('/1'));
    await once(idle, 'data');
    await eventually(() => finish);
    await takeOver(first);
    await eventually(() => (first.stderr.includes('"handed over"') ? true : undefined));
    await delay(100);
    const answer = once(idle, 'data') as Promise<[Buffer]>;
    idle.write(get('/2'));
    expect(String((await answer)[0])).toMatch(/^HTTP\/1.1 200 [^]*\r\nConnection: close\r\n/);
    await closedOf(idle);
    finish?.();
    expect(await slow).toMatch(/slow$/);
    expect((await first.ended).code).toBe(0);
  });

  it('starts as any other where no proxy runs', async () => {
    const node = await startNode(echo);
    const first = await startProxy([node.node]);
    await first.stop();
    const next = await takeOver(first);
    expect(await exchange(next.at, lastGet('/'))).toMatch(/^HTTP\/1.1 200/);
  });

  it('may have more or fewer workers, other nodes, and listens that come and go', async () => {
    const node = await startNode(echo, 'a');
    const other = await startNode(echo, 'b');
    let proxy = await startProxy([node.node]);
    const stays = { address: '127.0.0.1', port: proxy.at };
    const comes = { address: '127.0.0.1', port: await freePort() };
    const clients = load(proxy.at, 16);
    const all = [proxy];
    for (const change of [
      { workers: 3 },
      { workers: 2, listen: [comes, stays] },
      { workers: 1, nodes: [other.node] },
      { workers: 2, listen: [stays] },
    ]) {
      proxy = await takeOver(proxy, { listen: [stays], ...change });
      all.push(proxy);
      await delay(50);
      expect(await exchange(stays.port, lastGet('/'))).toMatch(/^HTTP\/1.1 200/);
    }
    const { failed } = await clients.stop();
    expect(failed).toEqual([]);
    expect(other.requests).toBeGreaterThan(0);
    await expect(open(comes.port)).rejects.toThrow('ECONNREFUSED');
    for (const old of all.slice(0, -1)) expect((await old.ended).code).toBe(0);
  });

  it('records every exchange for who was subscribed to the old one, under ids that were never used', async () => {
    const node = await startNode(echo);
    const first = await startProxy([node.node], { capture: { enabled: true } });
    const before = await subscribe(first, { exchanges: true });
    const clients = load(first.at, 8);
    const told = eventually(() => before.of('HandedOver')[0]);
    const second = await takeOver(first);
    expect((await told).pid).toBe(second.child.pid);
    await delay(100); // Clients go on with nobody subscribed.
    const after = await subscribe(second, { exchanges: true });
    const { done } = await clients.stop();
    await first.ended;
    const records = await eventually(() => {
      const all = [...before.of('Exchange'), ...after.of('Exchange')];
      return all.length >= done ? all : undefined;
    });
    expect([before.of('Dropped'), after.of('Dropped')]).toEqual([[], []]);
    expect(before.of('Exchange').length).toBeGreaterThan(0);
    expect(after.of('Exchange').length).toBeGreaterThan(0);
    expect(new Set(records.map(({ id }) => id)).size).toBe(done);
    expect(records.length).toBe(done);
  });

  it('lets the old one be configured and ended in order while it has something open', async () => {
    let finish: (() => void) | undefined;
    const node = await startNode((_request, response) => {
      finish = () => response.end('slow');
    });
    const quick = await startNode(echo, 'quick');
    const first = await startProxy([node.node], { drainTimeout: 20_000 });
    const peer = await subscribe(first, {});
    const slow = exchange(first.at, lastGet('/slow'));
    const idle = await open(first.at);
    await eventually(() => finish);
    await takeOver(first);
    await eventually(() => peer.of('HandedOver')[0]);
    // An idle client of the old one may still ask once: of the nodes that are there by then.
    expect(await peer.configure(7, { ...first.config, nodes: [quick.node] })).toMatchObject({ ok: true });
    const answer = once(idle, 'data') as Promise<[Buffer]>;
    idle.write(get('/idle'));
    expect(String((await answer)[0])).toContain('"url":"/idle"');
    first.child.kill('SIGTERM');
    await delay(50);
    expect(first.child.exitCode).toBeNull();
    finish?.();
    expect(await slow).toMatch(/slow$/);
    expect((await first.ended).code).toBe(0);
  });

  it('leaves the old one as it was where it does not fit, or dies before it is ready', async () => {
    const node = await startNode(echo);
    const first = await startProxy([node.node], { workers: 2 });
    const other = `${first.file}.other`;
    const here = { address: '127.0.0.1', port: first.at };
    const taken = { address: '127.0.0.1', port: node.port };
    for (const [change, why] of [
      [{ workers: 3, listen: [here, taken] }, `listen[1]: cannot listen on 127.0.0.1 port ${node.port}`],
      [{ nodes: 7 }, 'nodes: found a number'],
    ] as const) {
      await writeFile(other, JSON.stringify({ ...first.config, ...change }));
      const ended = await runProxy(['--config', other, '--take-over']);
      expect(ended.code).not.toBe(0);
      expect(ended.stderr).toContain(why);
      expect(await exchange(first.at, lastGet('/'))).toMatch(/^HTTP\/1.1 200/);
    }
    // One that asks and then goes away.
    const asker = createConnection(first.controlPath);
    await once(asker, 'connect');
    asker.write(Buffer.from('00000003010900', 'hex'));
    await once(asker, 'data');
    asker.destroy();
    expect(await exchange(first.at, lastGet('/'))).toMatch(/^HTTP\/1.1 200/);
    expect(await (await subscribe(first, {})).configure(1, first.config)).toMatchObject({ ok: true });
  });
});
