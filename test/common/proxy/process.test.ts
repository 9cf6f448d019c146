import { readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ProxyProcess, accepts, freePort, type TelemetryFrame } from '../../../common/index.js';
import { log, soon, startNode, startProxy, temporaryFolder } from './support.js';

/** The proxy's own pid, below its launcher, as it wrote it in the hello of its control socket. */
async function launcherChild(pid: number): Promise<number> {
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim();
  return children === '' ? pid : Number(children.split(' ')[0]);
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe('a proxy as a process', () => {
  it('listens at a port of its own choice, answers by each config as soon as its push resolves', async () => {
    const [one, two] = await Promise.all(
      ['one', 'two'].map((name) => startNode(name, (_q, r) => void r.end(name))),
    );
    const { proxy, url, runDir } = await startProxy({ settings: { nodes: [] } });
    expect((await fetch(url)).status).toBe(503);
    for (const node of [one!, two!, one!]) {
      await proxy.push({ nodes: [node] });
      expect(await (await fetch(url)).text()).toBe(node.name);
    }
    expect((await stat(join(runDir, 'proxy.json'))).mode & 0o077).toBe(0);
    expect((await stat(join(runDir, 'control.sock'))).mode & 0o077).toBe(0);
  });

  it('refuses a bad config by its path, and keeps the good one', async () => {
    const node = await startNode('n', (_q, r) => void r.end('good'));
    const { proxy, url } = await startProxy({ settings: { nodes: [node] } });
    const bad = { nodes: [node], routes: [{ pattern: '/a' }, { pattern: 'no-slash' }] };
    await expect(proxy.push(bad)).rejects.toMatchObject({
      code: 'PROXY_CONFIG_REFUSED',
      found: expect.stringContaining('routes[1]') as string,
    });
    expect(await (await fetch(url)).text()).toBe('good');
    await proxy.push({ nodes: [{ ...node, weight: 2 }] });
    expect(proxy.settings.nodes[0]!.weight).toBe(2);
  });

  it('does not start with a bad config, a taken port, or a socket path that is too long', async () => {
    const runDir = await temporaryFolder();
    const start = (port: number, settings: object, dir = runDir) =>
      ProxyProcess.start(
        {
          name: 'x',
          runDir: dir,
          listen: [{ address: '127.0.0.1', port }],
          settings: { nodes: [], ...settings },
          log,
        },
        soon(),
      );
    await expect(start(0, { drainTimeout: -1 })).rejects.toMatchObject({ code: 'PROXY_CONFIG_REFUSED' });
    const other = createServer();
    const port = await freePort();
    await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve));
    onTestFinished(() => void other.close());
    await expect(start(port, {})).rejects.toMatchObject({
      code: 'PROXY_NOT_STARTED',
      found: `listen 127.0.0.1:${port}`,
    });
    await expect(start(0, {}, join(runDir, 'x'.repeat(100)))).rejects.toMatchObject({
      code: 'PATH_TOO_LONG',
    });
  });

  it('killed, is back at the same port with the config that was pushed last', async () => {
    const [one, two] = await Promise.all(
      ['one', 'two'].map((name) => startNode(name, (_q, r) => void r.end(name))),
    );
    const { proxy, url } = await startProxy({ settings: { nodes: [one!] } });
    await proxy.push({ nodes: [two!] });
    for (let round = 1; round <= 2; round++) {
      process.kill(await launcherChild(proxy.pid!), 'SIGKILL');
      await until(() => proxy.restarts === round);
      const { hostname: host, port } = new URL(url);
      await until(() => accepts({ host, port: Number(port) }));
      expect(await (await fetch(url)).text()).toBe('two');
    }
    await proxy.push({ nodes: [one!] });
    expect(await (await fetch(url)).text()).toBe('one');
  });

  it('takes a push while it is being restarted', async () => {
    const [one, two] = await Promise.all(
      ['one', 'two'].map((name) => startNode(name, (_q, r) => void r.end(name))),
    );
    const { proxy, url } = await startProxy({ settings: { nodes: [one!] } });
    process.kill(await launcherChild(proxy.pid!), 'SIGKILL');
    await proxy.push({ nodes: [two!] });
    // The dying proxy may have been the one that took it: the next one has it too, once it listens.
    // What still reaches the dying one is cut off, whoever answered before.
    await until(
      async () =>
        (await fetch(url).then(
          (r) => r.text(),
          () => '',
        )) === 'two',
    );
  });

  it('finishes what is open when it is stopped', async () => {
    let answer: () => void = () => undefined;
    const asked = new Promise<void>((resolve) => (answer = resolve));
    let finish: () => void = () => undefined;
    const node = await startNode('n', (_q, r) => {
      answer();
      finish = () => r.end('finished');
    });
    const { proxy, url } = await startProxy({ settings: { nodes: [node] } });
    const open = fetch(url).then((response) => response.text());
    await asked;
    const stopped = proxy.stop();
    const { hostname: host, port } = new URL(url);
    await until(async () => !(await accepts({ host, port: Number(port) })));
    finish();
    expect(await open).toBe('finished');
    await stopped;
    expect(proxy.pid).toBeUndefined();
  });

  it('tells its measurements', async () => {
    const frames: TelemetryFrame[] = [];
    const node = await startNode('n', (_q, r) => void r.end('x'));
    const settings = {
      nodes: [node],
      routes: [{ pattern: '/a/:id', endpoint: 'GET /a' }],
      telemetry: { interval: 50 },
    };
    const { url } = await startProxy({ settings, onTelemetry: (frame) => frames.push(frame) });
    for (let i = 0; i < 5; i++) await (await fetch(`${url}/a/${i}`)).text();
    await (await fetch(`${url}/other`)).text();
    const count = (endpoint: string): number =>
      frames
        .flatMap(({ entries }) => entries)
        .reduce((sum, e) => sum + (e.endpoint === endpoint ? e.count : 0), 0);
    await until(() => count('GET /a') === 5 && count('*') === 1);
    await until(() => frames.at(-1)!.openRequests === 0 && frames.at(-1)!.waitSumNs === 0n);
  });
});
