import { describe, expect, it } from 'vitest';
import type { ClusterStatus } from '../../../common/index.js';
import { soon, specOf, startAgent, urlOf } from '../support/agents.js';
import { httpApp, releaseOf } from '../support/apps.js';
import { temporaryFolder } from '../support/folders.js';
import { answered, startLoad } from '../support/load.js';

const converged = (generation: number) => (status: ClusterStatus) =>
  status.generation === generation && status.state === 'converged';

const version = (text: string): string => httpApp(`(q, r) => setTimeout(() => r.end('${text}'), 5)`);
const manifest = { routes: [{ pattern: '/', methods: ['GET'], test: { path: '/' } }] };

describe('an agent', () => {
  it('brings up nodes at addresses of their own, serves through the proxy, and tells how it stands', async () => {
    const root = await temporaryFolder();
    const release = await releaseOf(root, version('v1'), manifest);
    const { client } = await startAgent(root);
    const spec = await specOf(root, release, { config: { measure: true } });
    expect((await client.status(soon())).generation).toBe(0);
    await client.putSpec(spec, soon());
    const status = await client.waitUntil(converged(1), soon());
    expect(status.activeRelease).toBe(release.id);
    expect(status.readyReleases).toEqual([release.id]);
    expect(new Set(status.nodes.map(({ address }) => address)).size).toBe(2);
    expect(
      status.nodes.every(({ address }) => /^127\.\d+\.\d+\.\d+$/.test(address) && address !== '127.0.0.1'),
    ).toBe(true);
    expect(await (await fetch(urlOf(spec))).text()).toBe('v1');
    const used = await client.waitUntil(({ endpoints }) => (endpoints[0]?.count ?? 0) > 0, soon());
    expect(used.endpoints[0]).toMatchObject({ endpoint: 'GET /', errors: 0 });
    expect(used.endpoints[0]!.perfAvg).toBeGreaterThan(4);
    expect(used.endpoints[0]!.median).toBeGreaterThan(4);
  });

  it('gives a cluster nodes of another size under load without one failed request', async () => {
    const root = await temporaryFolder();
    const release = await releaseOf(root, version('v1'), manifest);
    const { client } = await startAgent(root);
    const first = await specOf(root, release);
    await client.putSpec(first, soon());
    const small = await client.waitUntil(converged(1), soon());
    const load = startLoad(urlOf(first));
    await answered(load, 50);
    await client.putSpec(
      await specOf(root, release, { before: first, config: { nodeSize: 'large' } }),
      soon(),
    );
    const large = await client.waitUntil(converged(2), soon());
    const pids = new Set(small.nodes.map(({ pid }) => pid));
    expect(large.nodes).toHaveLength(2);
    expect(large.nodes.some(({ pid }) => pids.has(pid))).toBe(false);
    await answered(load, 50);
    expect((await load.stop()).failures).toEqual([]);
  });

  it('gives a class of nodes a size of its own, and takes it away again, without one failed request', async () => {
    const root = await temporaryFolder();
    const release = await releaseOf(
      root,
      httpApp(`(q, r) =>
      r.end(q.url.endsWith('?limits') ? require('node:fs').readFileSync('/proc/self/limits') : process.env.HOST)`),
      {
        routes: [
          { pattern: '/', methods: ['GET'], test: { path: '/' } },
          { pattern: '/report', methods: ['GET'], nodeClass: 'slow', test: { path: '/report' } },
        ],
      },
    );
    const { client } = await startAgent(root);
    const first = await specOf(root, release, { config: { nodes: 3 } });
    await client.putSpec(first, soon());
    const before = await client.waitUntil(converged(1), soon());
    const load = startLoad(urlOf(first));
    await answered(load, 20);
    const config = {
      nodes: 3,
      nodeClasses: { slow: { nodes: 1, size: 'large' } },
      sizes: { large: { cpus: 1, memory: '1GB' } },
    };
    const second = await specOf(root, release, { before: first, config });
    await client.putSpec(second, soon());
    const { nodes } = await client.waitUntil(converged(2), soon());
    const [large] = nodes.filter(({ size }) => size === 'large');
    expect(nodes).toHaveLength(3);
    // Two of the three are those there were.
    const pids = new Set(before.nodes.map(({ pid }) => pid));
    expect(nodes.filter(({ pid }) => pids.has(pid))).toHaveLength(2);
    for (let i = 0; i < 4; i += 1)
      expect(await (await fetch(`${urlOf(first)}/report`)).text()).toBe(large!.address);
    const limits = await (await fetch(`${urlOf(first)}/report?limits`)).text();
    expect(limits).toMatch(/^Max data size\s+1073741824\s/m);
    const third = await specOf(root, release, { before: second, config: { nodes: 3 } });
    await client.putSpec(third, soon());
    const after = await client.waitUntil(converged(3), soon());
    expect(after.nodes.map(({ size }) => size)).toEqual([undefined, undefined, undefined]);
    await answered(load, 20);
    expect((await load.stop()).failures).toEqual([]);
  });

  it('promotes and rolls back under load without one failed request', async () => {
    const root = await temporaryFolder();
    const [old, next] = await Promise.all([
      releaseOf(root, version('old'), manifest),
      releaseOf(root, version('new'), manifest),
    ]);
    const { client } = await startAgent(root);
    const first = await specOf(root, old);
    await client.putSpec(first, soon());
    await client.waitUntil(converged(1), soon());
    const load = startLoad(urlOf(first));
    await answered(load, 50);

    const warming = await specOf(root, old, { before: first, warm: [next] });
    await client.putSpec(warming, soon());
    const warm = await client.waitUntil(converged(2), soon());
    expect([...warm.readyReleases].sort()).toEqual([old.id, next.id].sort());
    expect(warm.nodes).toHaveLength(4);
    await answered(load, 50);

    let before = warming;
    for (const [to, from] of [
      [next, old],
      [old, next],
      [next, old],
    ] as const) {
      const flip = await specOf(root, to, { before, warm: [from] });
      await client.putSpec(flip, soon());
      await client.waitUntil((s) => converged(flip.generation)(s) && s.activeRelease === to.id, soon());
      // Whoever asks from now on is answered by the new one.
      expect(await (await fetch(urlOf(first))).text()).toBe(to === next ? 'new' : 'old');
      await answered(load, 50);
      before = flip;
    }

    const cooled = await specOf(root, next, { before });
    await client.putSpec(cooled, soon());
    const end = await client.waitUntil(converged(cooled.generation), soon());
    expect(end.nodes).toHaveLength(2);
    await answered(load, 50);
    const { answers, failures } = await load.stop();
    expect(failures).toEqual([]);
    expect([...answers.keys()].sort()).toEqual(['200 new', '200 old']);
  });

  it('promotes a release that only runs under its new config, keeping old nodes by the old one, without one failed request', async () => {
    const root = await temporaryFolder();
    const colour = (name: string, needs: string): string =>
      `if (process.env.COLOUR !== '${needs}') throw new Error('not my colour');
       ${httpApp(`(q, r) => r.end('${name} ' + process.env.COLOUR)`)}`;
    const [old, next] = await Promise.all([
      releaseOf(root, colour('old', 'red'), manifest),
      releaseOf(root, colour('new', 'blue'), manifest),
    ]);
    const { client } = await startAgent(root);
    const [red, blue] = [{ env: { COLOUR: 'red' } }, { env: { COLOUR: 'blue' } }];
    const first = await specOf(root, old, { config: red });
    await client.putSpec(first, soon());
    await client.waitUntil(converged(1), soon());
    const load = startLoad(urlOf(first));
    await answered(load, 20);
    const byBlue = (await specOf(root, old, { config: blue })).config;
    const warming = await specOf(root, old, { before: first, config: red, warm: [next] });
    await client.putSpec({ ...warming, warmConfigs: { [next.id]: byBlue } }, soon());
    const { nodes } = await client.waitUntil(converged(2), soon());
    const flip = await specOf(root, next, { before: warming, config: blue, warm: [old] });
    await client.putSpec({ ...flip, warmConfigs: { [old.id]: first.config } }, soon());
    const after = await client.waitUntil(converged(3), soon());
    // Nobody was started or stopped for it.
    expect(after.nodes.map(({ pid }) => pid).sort()).toEqual(nodes.map(({ pid }) => pid).sort());
    expect(await (await fetch(urlOf(first))).text()).toBe('new blue');
    await answered(load, 20);
    const { answers, failures } = await load.stop();
    expect(failures).toEqual([]);
    expect([...answers.keys()].sort()).toEqual(['200 new blue', '200 old red']);
  });

  it('replaces its proxy under load, when it is told to and for other workers, without one failed request', async () => {
    const root = await temporaryFolder();
    const release = await releaseOf(root, version('v1'), manifest);
    const { client } = await startAgent(root);
    await expect(client.replaceProxy(soon())).rejects.toMatchObject({ code: 'PROXY_NOT_RUNNING' });
    const first = await specOf(root, release);
    await client.putSpec(first, soon());
    const { proxy } = await client.waitUntil(converged(1), soon());
    const load = startLoad(urlOf(first));
    await answered(load, 20);
    const { pid } = await client.replaceProxy(soon());
    expect(pid).not.toBe(proxy.pid);
    await answered(load, 20);
    const wider = await specOf(root, release, { before: first, config: { proxy: { workers: 2 } } });
    await client.putSpec(wider, soon());
    const status = await client.waitUntil(converged(wider.generation), soon());
    expect(status.proxy).toMatchObject({ restarts: 0, port: proxy.port });
    await answered(load, 20);
    const { answers, failures } = await load.stop();
    expect([failures, [...answers.keys()]]).toEqual([[], ['200 v1']]);
  });

  it('replaces the release in one step, lets old requests finish, and changes env and count without a loss', async () => {
    const root = await temporaryFolder();
    // It dies at once when it is told to end: only the draining before can save what it has begun.
    const slow = await releaseOf(
      root,
      `require('node:http').createServer((q, r) => setTimeout(() => r.end('slow'), q.url === '/slow' ? 1200 : 1))
        .listen(process.env.PORT, process.env.HOST);`,
    );
    const next = await releaseOf(root, httpApp(`(q, r) => r.end(String(process.env.COLOUR))`));
    const { client } = await startAgent(root);
    const first = await specOf(root, slow);
    await client.putSpec(first, soon());
    await client.waitUntil(converged(1), soon());

    const second = await specOf(root, next, { before: first });
    await client.putSpec(second, soon());
    const open = fetch(`${urlOf(first)}/slow`).then((answer) => answer.text());
    const load = startLoad(urlOf(first));
    const status = await client.waitUntil(converged(2), soon());
    expect(await open).toBe('slow');
    expect(status.nodes.map(({ release }) => release)).toEqual([next.id, next.id]);

    const third = await specOf(root, next, { before: second, config: { nodes: 3, env: { COLOUR: 'red' } } });
    await client.putSpec(third, soon());
    expect((await client.waitUntil(converged(3), soon())).nodes).toHaveLength(3);
    expect(await (await fetch(urlOf(first))).text()).toBe('red');
    const fourth = await specOf(root, next, { before: third, config: { nodes: 1, env: { COLOUR: 'red' } } });
    await client.putSpec(fourth, soon());
    expect((await client.waitUntil(converged(4), soon())).nodes).toHaveLength(1);
    expect((await load.stop()).failures).toEqual([]);
  });
});
