import { afterEach, describe, expect, it } from 'vitest';

import { errorCode, field, flag, frame, frameType, getBlock, openH2, uint32 } from './h2-frames.js';
import {
  cleanUp,
  closedOf,
  echo,
  eventually,
  settled,
  startNode,
  startProxy,
  subscribe,
} from './proxy-harness.js';

afterEach(cleanUp);

const { endHeaders, endStream } = flag;
const h2c = { listen: [{ address: '127.0.0.1', port: 0, http2: true }] };
const id = (i: number): number => 2 * i + 1;
const get = (i: number): Buffer => frame(frameType.headers, endHeaders | endStream, id(i), getBlock);

/** What costs a client little, and gives it nothing: the i-th frame of each. */
const floods: [string, (i: number) => Buffer][] = [
  [
    'requests that are reset at once (CVE-2023-44487)',
    (i) => Buffer.concat([get(i), frame(frameType.reset, 0, id(i), uint32(errorCode.cancel))]),
  ],
  ['pings (CVE-2019-9512)', () => frame(frameType.ping, 0, 0, Buffer.alloc(8))],
  ['settings (CVE-2019-9515)', () => frame(frameType.settings, 0, 0)],
  ['window updates', () => frame(frameType.windowUpdate, 0, 0, uint32(1))],
  ['priorities', (i) => frame(frameType.priority, 0, id(i), Buffer.alloc(5))],
  [
    'empty data (CVE-2019-9518)',
    (i) => (i === 0 ? frame(frameType.headers, endHeaders, 1, getBlock) : frame(frameType.data, 0, 1)),
  ],
  [
    'continuations that never end (CVE-2024-27316)',
    (i) =>
      i === 0
        ? frame(frameType.headers, endStream, 1, getBlock)
        : frame(frameType.continuation, 0, 1, field(`x-${i}`, 'y')),
  ],
  [
    'empty continuations',
    (i) => (i === 0 ? frame(frameType.headers, endStream, 1, getBlock) : frame(frameType.continuation, 0, 1)),
  ],
];

describe('HTTP/2 floods', () => {
  it.each(floods)('%s end the connection, and only that', async (_, make) => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node], h2c);
    const peer = await subscribe(proxy, {});
    const glitch = peer.telemetry(({ glitches }) => Number(glitches) > 0);
    const attacker = await openH2(proxy.at);
    const closed = closedOf(attacker);
    for (let i = 0; i < 3000 && attacker.writable; i++) attacker.write(make(i));
    await closed;
    await glitch;
    const away = attacker.frames().filter(({ type }) => type === frameType.goaway);
    // A reset of the connection may have overtaken the frame that says why.
    for (const { payload } of away) expect(payload.readUInt32BE(4)).not.toBe(errorCode.none);
    const honest = await openH2(proxy.at);
    honest.write(get(0));
    await eventually(() =>
      honest.frames().find(({ type, stream }) => type === frameType.data && stream === 1),
    );
    expect(Number((await settled(peer)).waitSumNs)).toBe(0);
  });

  it('are not what a client does that takes its answers', async () => {
    const node = await startNode((_, response) => response.end('x'.repeat(200)));
    const proxy = await startProxy([node.node], h2c);
    const client = await openH2(proxy.at);
    for (let i = 0; i < 2000; i++) {
      client.write(get(i));
      client.write(frame(frameType.windowUpdate, 0, 0, uint32(200)));
      client.write(frame(frameType.ping, 0, 0, Buffer.alloc(8)));
      if (i % 20 === 19)
        await eventually(
          () =>
            client.frames().filter(({ type, flags }) => type === frameType.data && flags & endStream).length >
              i || undefined,
        );
    }
    expect(client.frames().some(({ type }) => type === frameType.goaway)).toBe(false);
  });

  it('never have more streams open than the limit', async () => {
    let open = 0;
    let most = 0;
    const node = await startNode((_, response) => {
      most = Math.max(most, ++open);
      response.on('close', () => open--);
      setTimeout(() => response.end('ok'), 20);
    });
    const proxy = await startProxy([node.node], { ...h2c, limits: { streams: 5 } });
    const client = await openH2(proxy.at);
    for (let i = 0; i < 12; i++) client.write(get(i));
    await eventually(
      () => client.frames().filter(({ type }) => type === frameType.data).length >= 5 || undefined,
    );
    expect(most).toBeLessThanOrEqual(5);
    expect(client.frames().filter(({ type }) => type === frameType.reset).length).toBeGreaterThan(0);
  });
});

describe('HTTP/2 deadlines', () => {
  it('end a connection whose head never comes to its end, and one that never asks', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node], { ...h2c, limits: { headerTimeout: 200, idleTimeout: 300 } });
    const half = await openH2(proxy.at);
    half.write(frame(frameType.headers, endStream, 1, getBlock));
    const silent = await openH2(proxy.at);
    await Promise.all([closedOf(half), closedOf(silent)]);
    expect(silent.frames().some(({ type }) => type === frameType.goaway)).toBe(true);
    expect(node.requests).toBe(0);
  });

  it('end a stream whose answer is not taken', async () => {
    const node = await startNode((_, response) => response.end(Buffer.alloc(1_000_000)));
    const proxy = await startProxy([node.node], { ...h2c, limits: { bodyTimeout: 300 } });
    const peer = await subscribe(proxy, {});
    const client = await openH2(proxy.at);
    client.write(get(0));
    // The window is 65,535 bytes, and no update comes.
    const reset = await eventually(() => client.frames().find(({ type }) => type === frameType.reset));
    expect(reset.stream).toBe(1);
    client.write(frame(frameType.ping, 0, 0, Buffer.alloc(8)));
    await eventually(() =>
      client.frames().find(({ type, flags }) => type === frameType.ping && flags === flag.ack),
    );
    expect(Number((await settled(peer)).waitSumNs)).toBe(0);
  });
});
