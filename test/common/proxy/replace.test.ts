import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  ProxyProcess,
  freePort,
  type ProxyExchangeSource,
  type TelemetryFrame,
} from '../../../common/index.js';
import { log, soon, startNode, startProxy, temporaryFolder } from './support.js';
import { load } from '../../native/proxy-load.js';

/** A node that takes any upgrade, and then says back what it is told. */
async function startMirror() {
  const server = createServer((_request, response) => void response.end('mirror'));
  server.on('upgrade', (_request, socket: Socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    socket.on('data', (data) => socket.write(data));
    socket.on('end', () => socket.end());
    socket.on('error', () => undefined);
    onTestFinished(() => void socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { name: 'mirror', address: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

async function upgraded(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.write('GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  expect(String((await once(socket, 'data'))[0])).toContain(' 101 ');
  return socket;
}

async function echoes(socket: Socket, text: string): Promise<void> {
  const answer = once(socket, 'data');
  socket.write(text);
  expect(String((await answer)[0])).toBe(text);
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** Counts what a source tells, until it is closed. */
function reading(source: ProxyExchangeSource) {
  const seen = { exchanges: new Set<string>(), dropped: 0 };
  const done = (async () => {
    for await (const event of source)
      if (event.kind === 'exchange') seen.exchanges.add(event.exchange.id);
      else seen.dropped += event.count;
  })();
  onTestFinished(async () => {
    await source.close();
    await done;
  });
  return seen;
}

describe('a proxy that is replaced', () => {
  it('fails no request, closes no WebSocket, and misses no exchange, time and again, with more and fewer workers', async () => {
    const mirror = await startMirror();
    const frames = new Map<number, TelemetryFrame[]>();
    const ended: number[] = [];
    const settings = {
      nodes: [mirror],
      routes: [{ pattern: '/ws', class: 'realtime' as const }],
      capture: { enabled: true },
      telemetry: { interval: 50 },
    };
    const { proxy } = await startProxy({
      settings,
      onTelemetry: (frame, pid) => frames.set(pid, [...(frames.get(pid) ?? []), frame]),
      onEnd: (pid) => ended.push(pid),
    });
    const { port } = proxy.listen[0]!;
    const source = proxy.exchanges();
    const seen = reading(source);
    await source.connected(soon());
    const sockets = [await upgraded(port)];
    const clients = load(port, 8);
    const pids = new Set<number>();
    for (const workers of [2, 1, 3]) {
      const { pid, version } = await proxy.replace({ workers });
      pids.add(pid);
      expect(version).toBe(
        (JSON.parse(await readFile('package.json', 'utf8')) as { version: string }).version,
      );
      sockets.push(await upgraded(port));
      for (const [n, socket] of sockets.entries()) await echoes(socket, `${workers}.${n}`);
      await proxy.push({ ...settings, nodes: [{ ...mirror, weight: workers }] });
    }
    const { done, failed } = await clients.stop();
    expect(failed).toEqual([]);
    expect(pids.size).toBe(3);
    expect(ended).toEqual([]); // Their WebSockets are open.
    await until(() => frames.size === 4);
    for (const socket of sockets) socket.destroy();
    await until(() => ended.length === 3);
    await until(() => seen.exchanges.size >= done + sockets.length);
    expect([seen.exchanges.size, seen.dropped]).toEqual([done + sockets.length, 0]);
    expect(proxy.restarts).toBe(0);
  });

  it('goes on as it was when the new process cannot start', async () => {
    const node = await startNode('n', (_q, r) => void r.end('good'));
    const other = await startNode('other', (_q, r) => void r.end('other'));
    const { proxy, url } = await startProxy({ settings: { nodes: [node] } });
    const { pid } = proxy;
    await expect(proxy.replace({ settings: { nodes: [node], drainTimeout: -1 } })).rejects.toMatchObject({
      code: 'PROXY_CONFIG_REFUSED',
    });
    const taken = { address: '127.0.0.1', port: other.port };
    await expect(proxy.replace({ listen: [...proxy.listen, taken] })).rejects.toMatchObject({
      code: 'PROXY_NOT_STARTED',
      found: expect.stringContaining(`:${other.port}`) as string,
    });
    expect(proxy.pid).toBe(pid);
    expect(proxy.listen).toHaveLength(1);
    expect(await (await fetch(url)).text()).toBe('good');
    await proxy.push({ nodes: [other] });
    expect(await (await fetch(url)).text()).toBe('other');
  });

  it('is started again when it is killed afterwards, as it was replaced', async () => {
    const node = await startNode('n', (_q, r) => void r.end('good'));
    const { proxy } = await startProxy({ settings: { nodes: [] } });
    const listen = [{ address: '127.0.0.1', port: await freePort() }];
    const { pid } = await proxy.replace({ listen, settings: { nodes: [node] } });
    process.kill(pid, 'SIGKILL');
    await until(() => proxy.restarts === 1);
    for (;;) {
      const text = await fetch(`http://127.0.0.1:${listen[0]!.port}`).then(
        (response) => response.text(),
        () => undefined, // It starts.
      );
      if (text === 'good') break;
    }
  });

  it('ends with all its processes, those that still have a WebSocket too', async () => {
    const mirror = await startMirror();
    const proxy = await ProxyProcess.start(
      {
        name: 'x',
        runDir: await temporaryFolder(),
        listen: [{ address: '127.0.0.1', port: 0 }],
        settings: {
          nodes: [mirror],
          routes: [{ pattern: '/ws', class: 'realtime' as const }],
          drainTimeout: 100,
        },
        log,
      },
      soon(),
    );
    const socket = await upgraded(proxy.listen[0]!.port);
    socket.on('error', () => undefined);
    const closed = once(socket, 'close');
    const before = proxy.pid!;
    await proxy.replace();
    await proxy.stop();
    await closed;
    expect(() => process.kill(before, 0)).toThrow('ESRCH');
  });
});
