import type { Socket } from 'node:net';

import { afterEach, describe, expect, it } from 'vitest';

import { field, flag, frame, frameType, openH2 } from './h2-frames.js';
import {
  cleanUp,
  closedOf,
  delay,
  exchange,
  lastGet,
  open,
  settled,
  startNode,
  startProxy,
  subscribe,
} from './proxy-harness.js';

afterEach(cleanUp);

const SLOW = 40;

/** Sends a byte now and then until it is closed; what it was told. */
async function trickle(socket: Socket & { received?: () => string }, bytes: Buffer): Promise<string> {
  const closed = closedOf(socket);
  let at = 0;
  const timer = setInterval(() => socket.write(bytes.subarray(at, ++at)), 30);
  await closed;
  clearInterval(timer);
  return socket.received?.() ?? '';
}

const repeat = (text: string): Buffer => Buffer.from(text + 'x'.repeat(10_000));

const startRequest = (path: string): Buffer =>
  frame(
    frameType.headers,
    flag.endHeaders,
    1,
    Buffer.concat([
      Buffer.from([0x83, 0x86]), // :method POST, :scheme http
      field(':path', path),
      field(':authority', 'test'),
    ]),
  );

describe('many slow clients at once', () => {
  it.each<[string, (port: number) => Promise<string>, RegExp | undefined]>([
    [
      'of heads',
      async (port): Promise<string> => trickle(await open(port), repeat('GET / HTTP/1.1\r\nX: ')),
      /^HTTP\/1.1 408 /,
    ],
    [
      'of bodies',
      async (port): Promise<string> => {
        const socket = await open(port);
        socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n');
        return trickle(socket, repeat(''));
      },
      /^HTTP\/1.1 408 /,
    ],
    [
      'of chunks',
      async (port): Promise<string> => {
        const socket = await open(port);
        socket.write('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
        return trickle(socket, Buffer.from('1\r\nx\r\n'.repeat(2000)));
      },
      /^HTTP\/1.1 408 /,
    ],
    [
      'of HTTP/2 heads',
      async (port): Promise<string> => {
        const socket = await openH2(port);
        return trickle(
          socket,
          Buffer.concat([
            frame(frameType.headers, 0, 1),
            ...Array<Buffer>(50).fill(frame(frameType.continuation, 0, 1, field('a', 'b'))),
          ]),
        );
      },
      undefined,
    ],
    [
      'of HTTP/2 bodies',
      async (port): Promise<string> => {
        const socket = await openH2(port);
        socket.write(startRequest('/'));
        return trickle(
          socket,
          Buffer.concat(Array<Buffer>(500).fill(frame(frameType.data, 0, 1, Buffer.from('x')))),
        );
      },
      undefined,
    ],
  ])('%s are given up, and others are served all the while', async (_, slow, told) => {
    const node = await startNode((request, response) => {
      request.resume();
      request.on('end', () => response.end('ok'));
    });
    const proxy = await startProxy([node.node], {
      listen: [{ address: '127.0.0.1', port: 0, http2: true }],
      limits: { headerTimeout: 400, bodyTimeout: 400, idleTimeout: 600 },
    });
    const peer = await subscribe(proxy, {});
    let busy = true;
    const others = (async (): Promise<number> => {
      let served = 0;
      while (busy) {
        expect(await exchange(proxy.at, lastGet('/'))).toMatch(/^HTTP\/1.1 200 /);
        served++;
        await delay(10);
      }
      return served;
    })();
    const answers = await Promise.all(Array.from({ length: SLOW }, () => slow(proxy.at)));
    busy = false;
    expect(await others).toBeGreaterThan(0);
    if (told) for (const answer of answers) expect(answer).toMatch(told);
    const last = await settled(peer);
    expect(last.waitSumNs).toBe(0n);
    expect(last.clientConnections).toBe(0);
  });
});
