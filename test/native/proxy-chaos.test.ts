import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import type { Socket } from 'node:net';

import { afterEach, describe, expect, it } from 'vitest';

import {
  cleanUp,
  delay,
  exchange,
  get,
  lastGet,
  settled,
  startNode,
  startProxy,
  startRawNode,
  subscribe,
} from './proxy-harness.js';

afterEach(cleanUp);

/** Deterministic random numbers (mulberry32), so that what fails can be run again. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const pieces = [
  get('/a'),
  lastGet('/b'),
  'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n',
  '5\r\nhello\r\n',
  '0\r\n\r\n',
  '0\r\nX: y\r\n\r\n',
  'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET / HTTP/1.0\r\n\r\n',
  '\r\n',
  '\0',
  'PUT / HTTP/1.1\r\n',
  'Host: a\r\n',
  'Expect: 100-continue\r\n',
  'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
  'x'.repeat(20_000),
  `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n${'y'.repeat(60_000)}`,
];

const answers = [
  'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n',
  'HTTP/1.1 200 OK\r\n\r\nuntil',
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nraw',
  'HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n' + 'z'.repeat(50_000),
  'rubbish\r\n\r\n',
  '',
  'HTTP/1.1 304 NM\r\n\r\n',
  `HTTP/1.1 200 OK\r\nX: ${'h'.repeat(30_000)}\r\nContent-Length: 0\r\n\r\n`,
];

/** A client that sends pieces of requests and leaves when and how it likes. */
async function rudeClient(port: number, random: () => number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  if (random() < 0.8) socket.resume();
  for (let i = Math.floor(random() * 5) + 1; i > 0 && !socket.destroyed; i--) {
    const piece = pieces[Math.floor(random() * pieces.length)]!;
    socket.write(random() < 0.8 ? piece : piece.slice(0, Math.floor(random() * piece.length)));
    if (random() < 0.5) await delay(random() * 10);
  }
  await delay(random() * 60);
  const fate = random();
  if (fate < 0.3) socket.resetAndDestroy();
  else if (fate < 0.6) socket.end();
  await delay(random() * 20);
  socket.destroy();
}

/** A node that answers anything, in pieces, or goes. */
function rudeNode(socket: Socket, random: () => number): void {
  socket.on('data', () => {
    const answer = answers[Math.floor(random() * answers.length)]!;
    const cut = random() < 0.7 ? answer.length : Math.floor(random() * answer.length);
    setTimeout(
      () => {
        if (socket.destroyed) return;
        socket.write(answer.slice(0, cut));
        const fate = random();
        if (fate < 0.15) socket.resetAndDestroy();
        else if (fate < 0.35) socket.end();
        else if (fate < 0.6)
          setTimeout(() => socket.destroyed || socket.write(answer.slice(cut)), random() * 10);
      },
      random() < 0.5 ? 0 : random() * 20,
    );
  });
}

/** Clients of a process of their own, all at once, each with one request; says how many got which first bytes. */
const CROWD = `
  const { connect } = require('node:net');
  const [port, count, localAddress] = process.argv.slice(1);
  const seen = {};
  let left = Number(count);
  for (let i = 0; i < Number(count); i++) {
    const socket = connect({ port: Number(port), host: '127.0.0.1', localAddress });
    let first = '';
    socket.on('connect', () => socket.write('GET / HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n'));
    socket.on('data', (d) => (first = first || d.toString('latin1').slice(0, 12)));
    socket.on('error', (error) => (first = first || error.code));
    socket.on('close', () => {
      seen[first] = (seen[first] ?? 0) + 1;
      if (--left === 0) console.log(JSON.stringify(seen));
    });
  }`;

async function crowd(port: number, count: number, from: string): Promise<Record<string, number>> {
  const child = spawn(process.execPath, ['-e', CROWD, String(port), String(count), from], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (d: Buffer) => (text += d.toString()));
  await once(child, 'close');
  return JSON.parse(text) as Record<string, number>;
}

describe('chaos', () => {
  it(
    '20,000 connections at once, more than it lets in: all are answered',
    { timeout: 600_000 },
    async (context) => {
      // Each process of clients may need as many descriptors as it has clients.
      const most = Number(
        /^Max open files +\S+ +(\d+)/m.exec(await readFile('/proc/self/limits', 'utf8'))?.[1] ?? Infinity,
      );
      if (most < 6000) context.skip();
      const node = await startNode((_request, response) => void response.end('ok'));
      // What is tested is not how fast this machine is.
      const patient = { headerTimeout: 300_000, queueTimeout: 300_000, connectTimeout: 300_000 };
      const proxy = await startProxy([{ ...node.node, maxRequests: 100 }], {
        workers: 2,
        limits: { connections: 4000, queue: 10_000, ...patient },
      });
      const peer = await subscribe(proxy, {});
      const crowds = await Promise.all([1, 2, 3, 4].map((i) => crowd(proxy.at, 5000, `127.0.1.${i}`)));
      expect(crowds).toEqual(Array.from({ length: 4 }, () => ({ 'HTTP/1.1 200': 5000 })));
      expect(node.requests).toBe(20_000);
      const last = await settled(peer);
      expect([last.waitSumNs, last.clientConnections]).toEqual([0n, 0]);
    },
  );

  it('more clients than there are descriptors wait their turn, and all get answers: none is taken in without one for its node', async () => {
    const node = await startNode((_request, response) => setTimeout(() => response.end('ok'), 20));
    const proxy = await startProxy([node.node], {}, 'ulimit -n 128 && exec "$@"');
    const peer = await subscribe(proxy, {});
    const all = await Promise.all(Array.from({ length: 400 }, () => exchange(proxy.at, lastGet('/'))));
    expect(all.filter((answer) => !answer.startsWith('HTTP/1.1 200 '))).toEqual([]);
    expect((await settled(peer)).waitSumNs).toBe(0n);
  });

  it.each([1, 2, 3])(
    'rude clients, rude nodes and reloads leave a proxy that works and an account of zero (seed %i)',
    async (seed) => {
      const random = randomFrom(seed);
      const rude = await Promise.all(
        ['r1', 'r2', 'r3'].map((name) => startRawNode((socket) => rudeNode(socket, random), name)),
      );
      const good = await startNode((request, response) => {
        request.resume();
        response.end('ok');
      }, 'good');
      const limits = {
        upstreamTimeout: 200,
        bodyTimeout: 200,
        headerTimeout: 200,
        idleTimeout: 500,
        connectTimeout: 200,
      };
      const nodes = rude.map((n) => n.node);
      const proxy = await startProxy(nodes, {
        limits,
        workers: 2,
        capture: { enabled: true, queueBytes: 1 << 20, maxBodyBytes: 30_000 },
      });
      const peer = await subscribe(proxy, { exchanges: true });
      let left = 600;
      const clients = Array.from({ length: 20 }, async () => {
        while (left-- > 0) await rudeClient(proxy.at, random);
      });
      const reloads = (async () => {
        for (let generation = 1; left > 0; generation++) {
          await peer.configure(generation, {
            ...proxy.config,
            nodes: generation % 3 ? nodes : nodes.slice(generation % 2),
          });
          await delay(20);
        }
      })();
      await Promise.all([...clients, reloads]);
      await peer.configure(1_000_000, { ...proxy.config, nodes: [good.node] });
      expect(await exchange(proxy.at, lastGet('/'))).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*ok$/);
      for (let i = 0; i < 4; i++) expect((await settled(peer)).waitSumNs).toBe(0n);
      expect(proxy.child.exitCode).toBeNull();
    },
  );
});
