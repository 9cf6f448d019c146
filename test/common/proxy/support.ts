import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { ProxyProcess, createLogger, type ProxyProcessOptions } from '../../../common/index.js';

export const log = createLogger('test', process.env.DHARMA_LOG ?? 'silent');
export const soon = (): AbortSignal => AbortSignal.timeout(30_000);

export async function temporaryFolder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'dhp-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** A node for a proxy: plain node:http on loopback. */
export async function startNode(name: string, listener: RequestListener) {
  const server = createServer(listener);
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { name, address: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

/** A proxy that is stopped when the test ends, and where it is reached. */
export async function startProxy(
  options: Pick<ProxyProcessOptions, 'settings'> & Partial<ProxyProcessOptions>,
) {
  const runDir = options.runDir ?? (await temporaryFolder());
  const listen = [{ address: '127.0.0.1', port: 0 }];
  const proxy = await ProxyProcess.start({ name: 'test', runDir, listen, log, ...options }, soon());
  onTestFinished(() => proxy.stop());
  return { proxy, runDir, url: `http://127.0.0.1:${proxy.listen[0]!.port}` };
}
