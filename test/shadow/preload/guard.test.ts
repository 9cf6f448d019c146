import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compiled } from './compiled.js';

interface Line {
  readonly kind: string;
  readonly to: string;
}

describe('the guard preload without a jail', () => {
  let dir: string;
  let allowed: Server;
  let other: Server;
  const arrived: string[] = [];
  const udp = createSocket('udp4').on('message', () => arrived.push('udp'));

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'dharma-guard-preload-'));
    const listen = async (name: string, where: object): Promise<Server> => {
      const server = createServer((socket) => {
        arrived.push(name);
        socket.on('error', () => undefined).end('HTTP/1.1 204 No Content\r\n\r\n');
      }).listen(where);
      await once(server, 'listening');
      return server;
    };
    allowed = await listen('allowed', { port: 0, host: '127.0.0.1' });
    other = await listen('other', { port: 0, host: '127.0.0.1' });
    udp.bind(0, '127.0.0.1');
    await once(udp, 'listening');
  });
  afterAll(async () => {
    allowed.close();
    other.close();
    udp.close();
    await rm(dir, { recursive: true, force: true });
  });

  const run = async (log: string, script: string): Promise<string> => {
    const execArgv = await compiled(dir, 'context', 'guard');
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [...execArgv, '--input-type=module', '-e', script],
      {
        env: {
          PATH: process.env.PATH,
          DHARMA_GUARD_MODE: 'deny',
          DHARMA_GUARD_ALLOW: `127.0.0.1:${port(allowed)}`,
          DHARMA_GUARD_LOG: join(dir, log),
        },
      },
    );
    return stdout;
  };
  const port = (server: Server): number => (server.address() as AddressInfo).port;

  it('lets nothing reach anything but what is allowed', async () => {
    const upload = JSON.stringify(dir);
    const script = `
      process.env.UPLOAD_DIR = ${upload};
      const { tryEverything } = await import(${JSON.stringify(new URL('../arms/app/escape.mjs', import.meta.url).href)});
      const { worked } = await tryEverything({ hosts: ['127.0.0.1', 'localhost'], tcp: ${port(other)}, udp: ${udp.address().port},
        unix: '/run/nothing', abstract: 'nothing', files: [], pid: 2 ** 30 });
      const { get } = await import('node:http');
      const status = await new Promise((resolve) => get('http://127.0.0.1:${port(allowed)}/', (r) => resolve(r.statusCode)));
      process.stdout.write(JSON.stringify({ worked, status, fetched: (await fetch('http://127.0.0.1:${port(allowed)}/')).status }), () => process.exit());`;
    const { worked, status, fetched } = JSON.parse(await run('log', script)) as Record<string, unknown>;
    expect(worked).toEqual([]);
    expect([status, fetched]).toEqual([204, 204]);
    expect(new Set(arrived)).toEqual(new Set(['allowed']));
    const lines = (await readFile(join(dir, 'log'), 'utf8'))
      .trim()
      .split('\n')
      .map((l) => JSON.parse(l) as Line);
    const told = new Set(lines.map(({ kind, to }) => `${kind} ${to}`));
    for (const attempt of [
      `connect 127.0.0.1:${port(other)}`,
      `connect localhost:${port(other)}`,
      'connect unix:/run/nothing',
      `udp 127.0.0.1:${udp.address().port}`,
      'dns outside.example.test',
      'process bash',
      'process python3',
      'process sh',
      'binding tcp_wrap',
    ])
      expect(told).toContain(attempt);
  });

  it('refuses as if there were no network, so that an app handles it as it would', async () => {
    const script = `
      const { connect } = await import('node:net');
      const error = await new Promise((resolve) => connect(80, '192.0.2.9').on('error', resolve));
      process.stdout.write(JSON.stringify({ code: error.code, address: error.address, port: error.port }), () => process.exit());`;
    expect(JSON.parse(await run('log2', script))).toEqual({
      code: 'ENETUNREACH',
      address: '192.0.2.9',
      port: 80,
    });
  });
});
