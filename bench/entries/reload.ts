import { request } from 'node:http';
import { join } from 'node:path';
import { FrameDecoder, encodeFrame, type Frame } from '../../common/frames/index.js';
import { connect, type Socket } from 'node:net';
import { ProxyProcess, createLogger, type ProxyConfig } from '../../common/index.js';
import { spreadOf } from '../statistics.js';
import { startBackend } from '../subject.js';
import type { Entry, EntryContext, EntryResult } from './entry.js';

/** The size that the proxy's issue names. */
const ROUTES = 10_000;
const NODES = 1000;
/** Endpoints that have had a request: each has a row of averages, one for each node, which a reload carries over. */
const IN_USE = 100;
const DEADLINE_MS = 20_000;

/** A control connection on which one document after the other is sent and acknowledged. */
class Control {
  readonly #socket: Socket;
  readonly #decoder = new FrameDecoder();
  #onAck: (frame: Extract<Frame, { kind: 'ConfigAck' }>) => void = () => undefined;
  #onError: (error: Error) => void = () => undefined;
  #generation = 1_000_000;

  constructor(path: string) {
    this.#socket = connect(path);
    this.#socket.on('error', (error) => this.#onError(error));
    this.#socket.on('data', (data) => {
      for (const frame of this.#decoder.push(data)) if (frame.kind === 'ConfigAck') this.#onAck(frame);
    });
  }

  /** ms from the first byte sent to the acknowledgement: in force in every worker. */
  async push(config: ProxyConfig): Promise<number> {
    const bytes = encodeFrame({
      kind: 'Config',
      generation: ++this.#generation,
      json: Buffer.from(JSON.stringify(config)),
    });
    const sent = performance.now();
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => reject(new Error('no acknowledgement')), DEADLINE_MS);
      this.#onAck = ({ ok, path, message }) => {
        clearTimeout(deadline);
        if (ok) resolve(performance.now() - sent);
        else reject(new Error(`${path}: ${message}`));
      };
      this.#onError = reject;
      this.#socket.write(bytes);
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** The n-th document: other routes and another node than the one before, so that nothing can be left as it was. */
function documentOf(base: ProxyConfig, backend: number, n: number): ProxyConfig {
  return {
    ...base,
    nodes: Array.from({ length: NODES }, (_, i) => ({
      name: `node-${i === 0 ? `x${n}` : i}`,
      address: '127.0.0.1',
      port: backend,
    })),
    routes: Array.from({ length: ROUTES }, (_, i) => ({
      pattern: `/service-${i % 97}/v${i % 5}/resource-${i}/:id${n % 2 === 0 ? '' : '/detail'}`,
      endpoint: `endpoint ${i}`,
    })),
  };
}

function ask(port: number, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, agent: false }, (answer) => {
      answer.resume();
      answer.once('end', resolve);
    })
      .once('error', reject)
      .end();
  });
}

async function run(context: EntryContext): Promise<EntryResult> {
  const backend = await startBackend(context.folder, 10);
  const proxy = await ProxyProcess.start(
    {
      name: 'reload',
      runDir: join(context.folder, 'reload'),
      listen: [{ address: '127.0.0.1', port: 0 }],
      settings: { nodes: [], drainTimeout: 100 },
      log: createLogger('bench', 'error'),
    },
    AbortSignal.timeout(DEADLINE_MS),
  );
  const port = proxy.listen[0]!.port;
  const control = new Control(proxy.controlPath);
  const base = {
    listen: [{ address: '127.0.0.1', port: 0 }],
    workers: 1,
    control: proxy.controlPath,
    nodes: [],
  };
  const idle: number[] = [];
  const used: number[] = [];
  try {
    let n = 0;
    await control.push(documentOf(base, backend.port, n));
    for (let i = 0; i < context.effort.rounds * 3; i++)
      idle.push(await control.push(documentOf(base, backend.port, ++n)));
    for (let i = 0; i < IN_USE; i++)
      await ask(port, `/service-${i % 97}/v${i % 5}/resource-${i}/1${n % 2 === 0 ? '' : '/detail'}`);
    for (let i = 0; i < context.effort.rounds * 3; i++)
      used.push(await control.push(documentOf(base, backend.port, ++n)));
  } finally {
    control.close();
    await proxy.stop();
    await backend.stop();
  }
  return {
    entry: 'reload',
    load: `documents of ${ROUTES} routes and ${NODES} nodes, sent one after the other`,
    effort: { ...context.effort, connections: 1 },
    figures: [],
    ratios: [],
    times: [
      { name: 'sent to in force, no endpoint used yet', ms: spreadOf(idle) },
      { name: `sent to in force, ${IN_USE} endpoints in use`, ms: spreadOf(used) },
    ],
    notes: [],
  };
}

export const reloadEntry: Entry = {
  name: 'reload',
  about: 'how long a document of 10,000 routes and 1,000 nodes takes from sent to in force',
  run,
};
