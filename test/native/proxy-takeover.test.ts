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

  it('leaves the old one as it was where it does not fit, or dies before it is ready', async () => {
    const node = await startNode(echo);
    const first = await startProxy([node.node], { workers: 2 });
    const other = `${first.file}.other`;
    for (const [change, why] of [
      [{ workers: 3 }, 'the proxy that runs has 1 listens and 2 workers'],
      [
        { listen: [{ address: '127.0.0.1', port: 1 }] },
        'the proxy that runs does not listen at 127.0.0.1 port 1',
      ],
      [{ listen: [{ address: '127.0.0.2', port: 0 }] }, 'the proxy that runs does not listen at 127.0.0.2'],
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
