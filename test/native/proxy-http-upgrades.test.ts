import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import {
  cleanUp,
  echo,
  eventually,
  exchange,
  lastGet,
  open,
  settled,
  startNode,
  startProxy,
  startRawNode,
  subscribe,
} from './proxy-harness.js';

afterEach(cleanUp);

describe('upgrades', () => {
  const upgrade =
    'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n';
  const accept = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';

  it('become tunnels that outlive reloads and half-closes', async () => {
    const node = await startRawNode(
      (socket) => {
        let text = '';
        socket.on('data', (d) => {
          text += d.toString();
          const end = text.indexOf('\r\n\r\n');
          if (text.startsWith('GET') && end >= 0) {
            socket.write(`${accept}hello`);
            text = text.slice(end + 4);
          }
          if (!text.startsWith('GET')) {
            socket.write(text.toUpperCase());
            text = '';
          }
        });
        socket.on('end', () => socket.end('bye'));
      },
      'app-1',
      true,
    );
    const proxy = await startProxy([node.node]);
    const peer = await subscribe(proxy, {});
    const socket = await open(proxy.at, true);
    socket.write(`${upgrade}early`);
    await eventually(() => (socket.received().endsWith('helloEARLY') ? true : undefined));
    expect(socket.received()).toMatch(
      /^HTTP\/1\.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello/,
    );
    const open1 = await peer.telemetry((t) => t.openRequests === 1);
    expect(open1.waitSumNs).toBe(0n);
    for (let generation = 1; generation <= 10; generation++)
      await peer.configure(generation, { ...proxy.config, nodes: [] });
    socket.write('still here');
    await eventually(() => (socket.received().endsWith('STILL HERE') ? true : undefined));
    const closed = once(socket, 'close');
    socket.end('last');
    await closed;
    expect(socket.received()).toMatch(/LASTbye$/);
    await settled(peer);
  });

  it('that a node turns down are ordinary answers', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node]);
    const answer = await exchange(proxy.at, upgrade + lastGet('/'));
    expect(answer.match(/HTTP\/1\.1 200/g)).toHaveLength(2);
  });
});
