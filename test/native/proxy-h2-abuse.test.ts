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

describe('HTTP/2 stream numbers', () => {
  it('may be skipped, but not come later than a higher one', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node], h2c);
    const client = await openH2(proxy.at);
    const answered = (stream: number): Promise<unknown> =>
      eventually(() => client.frames().find((f) => f.type === frameType.data && f.stream === stream));
    client.write(get(0));
    client.write(get(3));
    await Promise.all([answered(1), answered(7)]);
    client.write(frame(frameType.priority, 0, 5, Buffer.from([0, 0, 0, 1, 0])));
    client.write(get(4));
    await answered(9);
    const closed = closedOf(client);
    client.write(get(1));
    await closed;
    const away = client.frames().find(({ type }) => type === frameType.goaway);
    expect(away?.payload.readUInt32BE(4)).toBe(errorCode.protocol);
  });
});

/** xorshift32: the same frames for the same seed. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** A frame that is often right, refers to streams that may be open, and is sometimes nothing at all. */
function anyFrame(random: (below: number) => number, i: number): Buffer {
  const some = id(random(i + 1));
  const bytes = (n: number): Buffer => Buffer.from(Array.from({ length: n }, () => random(256)));
  const block = random(3) ? getBlock : Buffer.concat([getBlock, field('content-length', String(random(20)))]);
  const makers = [
    () => frame(frameType.headers, endHeaders | random(2), id(i), block),
    () => frame(frameType.headers, endHeaders | endStream, id(i), block),
    () => frame(frameType.data, random(2), some, Buffer.alloc(random(300))),
    () => frame(frameType.reset, 0, some, uint32(random(14))),
    () => frame(frameType.windowUpdate, 0, random(2) ? 0 : some, uint32(random(65536))),
    () => frame(frameType.ping, random(2), 0, Buffer.alloc(8)),
    () =>
      frame(frameType.settings, 0, 0, Buffer.concat([Buffer.from([0, random(7)]), uint32(random(70000))])),
    () =>
      Buffer.concat([
        frame(frameType.headers, random(2), id(i), block),
        frame(frameType.continuation, endHeaders, id(i)),
      ]),
    () => frame(random(12), random(256), random(9), bytes(random(60))),
  ];
  return makers[random(20) ? random(makers.length - 1) : makers.length - 1]!();
}

describe('HTTP/2 of any frames', () => {
  it.each([1, 2, 3])('leaves a proxy that works and an account of zero (seed %i)', async (seed) => {
    const random = randomOf(seed);
    const node = await startNode((request, response) => {
      request.resume();
      if (random(4)) response.end('x'.repeat(random(3000)));
      else setTimeout(() => response.end('late'), random(20));
    });
    const proxy = await startProxy([node.node], h2c);
    const peer = await subscribe(proxy, {});
    for (let round = 0; round < 8; round++) {
      const clients = await Promise.all(Array.from({ length: 10 }, () => openH2(proxy.at)));
      for (const client of clients) {
        const count = random(50);
        for (let i = 0; i < count && client.writable; i++) client.write(anyFrame(random, i));
        if (random(2)) client.end();
        else client.destroy();
      }
      await Promise.all(clients.map((client) => (client.closed ? Promise.resolve() : closedOf(client))));
    }
    expect(Number((await settled(peer)).waitSumNs)).toBe(0);
    const honest = await openH2(proxy.at);
    honest.write(get(0));
    await eventually(() =>
      honest.frames().find(({ type, flags }) => type === frameType.data && flags & endStream),
    );
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
