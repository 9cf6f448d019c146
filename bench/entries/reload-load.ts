import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { ProxyProcess, createLogger, systemClock, type ProxySettings } from '../../common/index.js';
import type { LoadResult } from '../load.js';
import { startBackend, which, type Subject } from '../subject.js';
import { h2load, makeCertificate } from '../tls-load.js';
import type { Entry, EntryContext, EntryResult } from './entry.js';

/** As the proxy's issue has it. */
const RELOADS = 100;
const CLIENTS = 64;
const WEBSOCKETS = 64;
const DEADLINE_MS = 20_000;
/** Load goes on before the first reload and after the last, s. */
const MARGIN_S = 1;

/** A node that takes any upgrade, and says back what it is told. */
async function startMirror(): Promise<{ port: number; server: Server }> {
  const server = createServer((_request, response) => void response.end('mirror'));
  server.on('upgrade', (_request, socket: Socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { port: (server.address() as AddressInfo).port, server };
}

async function openWebSocket(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write('GET /ws HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  if (!answer.toString('latin1').startsWith('HTTP/1.1 101 ')) throw new Error('a WebSocket was refused');
  return socket;
}

/** Whether what is said on it comes back. */
async function echoes(socket: Socket): Promise<boolean> {
  if (socket.closed || socket.readableEnded) return false;
  const answer = Promise.race([
    once(socket, 'data').then(([data]) => String(data) === 'still there'),
    once(socket, 'close').then(() => false),
  ]);
  socket.write('still there');
  return answer;
}

/** The n-th config: nodes and routes differ from those of the one before, but for the WebSockets' own. */
function settingsOf(
  backends: readonly Subject[],
  mirror: number,
  n: number,
  tls: NonNullable<ProxySettings['tls']>,
): ProxySettings {
  const nodes = backends.map(({ port }, i) => ({
    name: `node-${i}`,
    address: '127.0.0.1',
    port,
    class: 'app',
  }));
  return {
    nodes: [
      ...(n % 3 === 0 ? nodes : [nodes[n % nodes.length]!]),
      { name: 'mirror', address: '127.0.0.1', port: mirror, class: 'ws' },
    ],
    routes: [
      { pattern: '/ws', class: 'realtime', nodeClasses: ['ws'] },
      { pattern: '/*rest', endpoint: `endpoint ${n % 5}`, nodeClasses: ['app'] },
    ],
    drainTimeout: 100,
    tls,
  };
}

/** `RELOADS` of them, spread over the load. @returns WebSockets that were closed or silent afterwards */
async function reloads(
  proxy: ProxyProcess,
  settings: (n: number) => ProxySettings,
  sockets: readonly Socket[],
  seconds: number,
): Promise<number> {
  await systemClock.sleep(MARGIN_S * 1000);
  for (let n = 1; n <= RELOADS; n++) {
    await proxy.push(settings(n));
    await systemClock.sleep((seconds * 1000) / RELOADS);
  }
  return (await Promise.all(sockets.map(echoes))).filter((alive) => !alive).length;
}

async function run(context: EntryContext): Promise<EntryResult> {
  const entry = {
    entry: 'reload-load',
    load: `${context.load.name} and h2load at once, ${WEBSOCKETS} WebSockets open, ${RELOADS} reloads a round`,
    effort: { ...context.effort, connections: CLIENTS },
    figures: [],
    ratios: [],
  };
  if (which('h2load') === undefined)
    return { ...entry, notes: ['h2load missing: left out (apt-get install nghttp2-client)'] };
  const files = await makeCertificate(context.folder);
  const tls = { certificates: [files] };
  const backends = [await startBackend(context.folder, 10), await startBackend(context.folder, 10)];
  const mirror = await startMirror();
  const settings = (n: number): ProxySettings => settingsOf(backends, mirror.port, n, tls);
  const proxy = await ProxyProcess.start(
    {
      name: 'reload-load',
      runDir: join(context.folder, 'reload-load'),
      listen: [
        { address: '127.0.0.1', port: 0 },
        { address: '127.0.0.1', port: 0, tls: true },
      ],
      settings: settings(0),
      onTelemetry: () => undefined,
      log: createLogger('bench', 'error'),
    },
    AbortSignal.timeout(DEADLINE_MS),
  );
  const [plain, secure] = proxy.listen.map(({ port }) => port) as [number, number];
  const sum = { h1: { requests: 0, errors: 0 }, h2: { requests: 0, errors: 0 }, closed: 0 };
  const add = (to: { requests: number; errors: number }, { requests, errors }: LoadResult): void => {
    to.requests += requests;
    to.errors += errors;
  };
  const sockets: Socket[] = [];
  try {
    for (let i = 0; i < WEBSOCKETS; i++) sockets.push(await openWebSocket(plain));
    const during = Math.max(5, context.effort.seconds);
    // Reloads take time of their own, so the load is as long as it takes at most.
    const options = { path: '/', connections: CLIENTS, seconds: 2 * during + 2 * MARGIN_S };
    for (let i = 0; i < context.effort.rounds; i++) {
      context.say(`round ${i + 1} of ${context.effort.rounds}`);
      const [h1, h2, closed] = await Promise.all([
        context.load.run({ ...options, port: plain }),
        h2load(context.folder, 'h2load -m 10', '-m10').run({ ...options, port: secure }),
        reloads(proxy, settings, sockets, during),
      ]);
      add(sum.h1, h1);
      add(sum.h2, h2);
      sum.closed += closed;
    }
  } finally {
    for (const socket of sockets) socket.destroy();
    await proxy.stop();
    mirror.server.close();
    for (const backend of backends) await backend.stop();
  }
  return {
    ...entry,
    notes: [
      `HTTP/1.1: ${sum.h1.errors} of ${sum.h1.requests} requests failed`,
      `HTTP/2: ${sum.h2.errors} of ${sum.h2.requests} requests failed`,
      `WebSockets closed or silent after a round: ${sum.closed} of ${WEBSOCKETS}`,
    ],
  };
}

export const reloadLoadEntry: Entry = {
  name: 'reload-load',
  about: `${RELOADS} reloads under load of ${CLIENTS} clients by HTTP/1.1 and as many by HTTP/2, with WebSockets open: what fails`,
  run,
};
