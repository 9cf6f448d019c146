import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { DharmaError } from '../../../common/index.js';
import { freePort, type ClusterStatus } from '../../../common/index.js';
import { soon, specOf, startAgent, urlOf } from '../support/agents.js';
import { httpApp, releaseOf } from '../support/apps.js';
import { temporaryFolder } from '../support/folders.js';
import { answered, startLoad } from '../support/load.js';

const converged = (status: ClusterStatus): boolean => status.state === 'converged';
const failed = (status: ClusterStatus): boolean => status.state === 'failed';
const GOOD = httpApp(`(q, r) => r.end('good')`);

describe('an agent whose new release is bad', () => {
  it.each([
    ['ends at once', 'console.error("no config"); process.exit(3)', {}, 'APP_EXITED', /no config/],
    [
      'listens nowhere',
      'setInterval(() => {}, 1000)',
      { readyTimeout: '600ms' },
      'APP_NOT_LISTENING',
      /listens nowhere/,
    ],
    [
      'fails a route test',
      httpApp(`(q, r) => { r.statusCode = q.url === '/b' ? 500 : 200; r.end('x'); }`),
      { routes: ['/a', '/b'].map((path) => ({ pattern: path, methods: ['GET'], test: { path } })) },
      'ROUTE_TEST_FAILED',
      /GET \/b \(GET \/b\): expected status 200, found status 500/,
    ],
  ])(
    'one that %s: the old one serves on, and the status says why',
    async (_name, source, manifest, code, found) => {
      const root = await temporaryFolder();
      const good = await releaseOf(root, GOOD);
      const bad = await releaseOf(root, source, manifest);
      const { client } = await startAgent(root);
      const first = await specOf(root, good, { config: { nodes: 1 } });
      await client.putSpec(first, soon());
      await client.waitUntil(converged, soon());
      const load = startLoad(urlOf(first), '/', 1);

      const second = await specOf(root, bad, { before: first, config: { nodes: 1 } });
      await client.putSpec(second, soon());
      const status = await client.waitUntil(failed, soon());
      expect(status.error).toMatchObject({ code, found: expect.stringMatching(found) as string });
      expect(status.activeRelease).toBe(good.id);
      expect(status.readyReleases).toEqual([]);

      const third = await specOf(root, good, { before: second, config: { nodes: 1 } });
      await client.putSpec(third, soon());
      expect((await client.waitUntil(converged, soon())).nodes).toHaveLength(1);
      await answered(load, 20);
      const { answers, failures } = await load.stop();
      expect(failures).toEqual([]);
      expect([...answers.keys()]).toEqual(['200 good']);
    },
  );
});

describe('an agent whose nodes crash', () => {
  it('starts them again, and others serve meanwhile', async () => {
    const root = await temporaryFolder();
    const release = await releaseOf(root, httpApp(`(q, r) => r.end(String(process.pid))`));
    const { client } = await startAgent(root);
    const spec = await specOf(root, release);
    await client.putSpec(spec, soon());
    const before = await client.waitUntil(converged, soon());
    const load = startLoad(urlOf(spec), '/', 2);
    for (let round = 0; round < 3; round++) {
      const victim = (await client.status(soon())).nodes[round % 2]!;
      // The process that answers, below its launcher.
      process.kill(Number(await (await fetch(`http://${victim.address}:${victim.port}`)).text()), 'SIGKILL');
      const name = victim.name;
      await client.waitUntil(
        (status) =>
          converged(status) && status.nodes.find((n) => n.name === name)!.restarts > victim.restarts,
        soon(),
      );
    }
    await answered(load, 20);
    const { failures, answers } = await load.stop();
    expect(failures).toEqual([]);
    // A request that was being answered by the killed node may be lost; it is told as 502, never as a broken answer.
    const bad = [...answers]
      .filter(([answer]) => !answer.startsWith('200'))
      .reduce((sum, [, n]) => sum + n, 0);
    expect(bad).toBeLessThanOrEqual(3 * 2);
    const after = await client.status(soon());
    expect(after.nodes.map(({ name }) => name)).toEqual(before.nodes.map(({ name }) => name));
    expect(after.nodes[0]!.reason).toMatch(/ended by itself/);
  });

  it('tells a crash loop, and that it is over once it is', async () => {
    const root = await temporaryFolder();
    const flag = join(root, 'crash');
    const release = await releaseOf(
      root,
      `${GOOD}setInterval(() => { if (require('node:fs').existsSync(${JSON.stringify(flag)})) { console.error('boom'); process.exit(9); } }, 20)`,
    );
    const { client } = await startAgent(root);
    const spec = await specOf(root, release, { config: { nodes: 1 } });
    await client.putSpec(spec, soon());
    await client.waitUntil(converged, soon());
    const { rm, writeFile } = await import('node:fs/promises');
    await writeFile(flag, '');
    const status = await client.waitUntil(failed, soon());
    expect(['NODE_CRASHED', 'APP_EXITED']).toContain(status.error!.code);
    expect(status.error!.found).toContain('boom');
    await rm(flag);
    await client.waitUntil(converged, soon());
    expect((await fetch(urlOf(spec))).status).toBe(200);
  });
});

describe('an agent with a bad spec', () => {
  it('refuses what is outdated, for another cluster, not built, or no spec at all', async () => {
    const root = await temporaryFolder();
    const release = await releaseOf(root, GOOD);
    const { client } = await startAgent(root);
    const spec = await specOf(root, release, { config: { nodes: 1 } });
    const put = async (wrong: unknown): Promise<unknown> =>
      client.putSpec(wrong as typeof spec, soon()).catch((error: unknown) => (error as DharmaError).code);
    expect(await put({ ...spec, generation: 5 })).toBeUndefined();
    expect(await put({ ...spec, generation: 4 })).toBe('SPEC_OUTDATED');
    expect(await put({ ...spec, name: 'green' })).toBe('WRONG_CLUSTER');
    expect(await put({ ...spec, generation: 6, config: { ...spec.config, provider: 'digitalocean' } })).toBe(
      'NOT_BUILT_YET',
    );
    expect(await put({ ...spec, generation: 'x' })).toBe('CONFIG_INVALID');
    expect(await put({ ...spec, extra: 1 })).toBe('CONFIG_INVALID');
    expect(await put([])).toBe('CONFIG_INVALID');
    const status = await client.waitUntil(converged, soon());
    expect(status.generation).toBe(5);
  });

  it('says that its port is taken, and serves once it is free', async () => {
    const root = await temporaryFolder();
    const release = await releaseOf(root, GOOD);
    const { client } = await startAgent(root);
    const { createServer } = await import('node:net');
    const port = await freePort();
    const other = createServer().listen(port, '127.0.0.1');
    const spec = {
      ...(await specOf(root, release, { config: { nodes: 1 } })),
      listen: { address: '127.0.0.1', port },
    };
    await client.putSpec(spec, soon());
    const status = await client.waitUntil(failed, soon());
    expect(status.error).toMatchObject({ code: 'PROXY_NOT_STARTED', found: `listen 127.0.0.1:${port}` });
    other.close();
    await client.waitUntil(converged, soon());
    expect(await (await fetch(urlOf(spec))).text()).toBe('good');
  });

  it('keeps its secrets to its user', async () => {
    const root = await temporaryFolder();
    const release = await releaseOf(root, GOOD);
    const { client, dir } = await startAgent(root);
    await client.putSpec(await specOf(root, release, { config: { nodes: 1 } }), soon());
    await client.waitUntil(converged, soon());
    expect(await readFile(join(dir, 'agent.json'), 'utf8')).toContain('mongodb://');
    for (const file of ['agent.json', 'agent.sock', 'proxy/proxy.json', 'logs/blue-1.log'])
      expect((await stat(join(dir, file))).mode & 0o077, file).toBe(0);
    expect((await stat(dir)).mode & 0o077).toBe(0);
    const logs = await client.logs(soon());
    expect(logs.map(({ node }) => node).sort()).toEqual(['blue-1', 'proxy']);
    await expect(client.logs(soon(), { node: 'nope' })).rejects.toMatchObject({ code: 'LOG_NOT_FOUND' });
    await expect(client.logs(soon(), { node: '../agent' })).rejects.toMatchObject({ code: 'LOG_NOT_FOUND' });
  });
});
