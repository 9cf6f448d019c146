import { once } from 'node:events';
import { readdir, readFile, stat } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../common/index.js';
import { federate, processesWithEnv, sandbox, type Sandbox } from './support.js';

const FREE_PORTS = ['--edge-port', '0', '--api-port', '0'];

let box: Sandbox;
beforeEach(async () => {
  box = await sandbox();
});
afterEach(() => box.close());

async function federationId(): Promise<string> {
  return (JSON.parse(await readFile(join(box.home, 'federation.json'), 'utf8')) as { id: string }).id;
}
const left = async (): Promise<number> => processesWithEnv('DHARMA_FEDERATION', await federationId()).length;
async function supervisorPid(): Promise<number> {
  return (JSON.parse(await readFile(join(box.home, 'run/dharmad.json'), 'utf8')) as { pid: number }).pid;
}

describe('up and down', () => {
  test('start everything once, and leave nothing running', async () => {
    const first = await box.run('up', ...FREE_PORTS, '--json');
    expect(first).toMatchObject({ code: 0 });
    const status = JSON.parse(first.out) as { edge: { url: string }; health: string };
    expect(status.health).toBe('ok');
    expect((await fetch(status.edge.url)).status).toBeGreaterThanOrEqual(500); // There is no cluster yet.
    const pid = await supervisorPid();

    const second = await box.run('up', '--json');
    expect(second.code).toBe(0);
    expect(second.err).toContain('already');
    expect(JSON.parse(second.out)).toMatchObject({ edge: { url: status.edge.url } });
    expect(await supervisorPid()).toBe(pid);

    expect((await box.run('migrate')).code).toBe(0);
    expect((await box.run('down')).code).toBe(0);
    expect(await left()).toBe(0);
    expect(await readdir(join(box.home, 'run'))).toEqual([]);
  });

  test('keep the home to its owner, and the token out of sight', async () => {
    await box.run('up', ...FREE_PORTS);
    const mode = async (file: string): Promise<number> => (await stat(join(box.home, file))).mode & 0o777;
    expect(await mode('.')).toBe(0o700);
    for (const file of ['token', 'federation.json', 'run/runtime.json', 'run/dharmad.sock'])
      expect(await mode(file)).toBe(0o600);
    const token = (await readFile(join(box.home, 'token'), 'utf8')).trim();
    for (const { pid } of processesWithEnv('DHARMA_FEDERATION', await federationId()))
      expect(await readFile(`/proc/${pid}/cmdline`, 'utf8')).not.toContain(token);
    for (const file of await readdir(join(box.home, 'logs')))
      expect(await readFile(join(box.home, 'logs', file), 'utf8')).not.toContain(token);
  });

  test.each([
    ['--edge-port', 'the edge'],
    ['--api-port', 'the API'],
  ])('say who has the port when %s is taken, and leave nothing', async (flag, what) => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const port = (server.address() as AddressInfo).port;
      const { code, out } = await box.run('up', ...FREE_PORTS, flag, String(port), '--json');
      expect(code).toBe(1);
      expect(JSON.parse(out)).toMatchObject({
        error: {
          code: 'PORT_TAKEN',
          message: expect.stringContaining(what) as string,
          found: expect.stringContaining(`pid ${process.pid}`) as string,
          remedy: expect.stringContaining(flag) as string,
        },
      });
      expect(await left()).toBe(0);
    } finally {
      server.close();
    }
  });

  test('refuse settings with a wrong key', async () => {
    await box.file('h/federation.json', { id: 'f0123456789abcdef', edges: { port: 1 } });
    const { code, err } = await box.run('up', ...FREE_PORTS);
    expect(code).not.toBe(0);
    expect(err).toContain('edges');
    expect(err).toContain('federation.json');
  });

  test('refuse a store that does not answer', async () => {
    await box.file('h/federation.json', {
      id: 'f0123456789abcdef',
      stores: { redis: 'redis://:pass@127.0.0.1:1' },
    });
    const { code, err } = await box.run('up', ...FREE_PORTS);
    expect(code).toBe(1);
    expect(err).toContain('does not answer');
    expect(err).not.toContain('pass@');
    expect(await left()).toBe(0);
  });

  // At different moments of the start: Ctrl-C takes back what there is of it.
  test.each([0, 400, 1200])('interrupted after %i ms leave nothing half', async (ms) => {
    const { process: started, result } = federate(['up', ...FREE_PORTS], box.home);
    await systemClock.sleep(ms);
    started.kill('SIGINT');
    const { code } = await result;
    if (code === 0) return; // It was up before: that is whole, too.
    const known = await federationId().catch(() => undefined);
    if (known === undefined) return;
    const deadline = AbortSignal.timeout(30_000);
    while ((await left()) > 0) await systemClock.sleep(50, deadline);
  });

  test('in the foreground stop at Ctrl-C', async () => {
    const { process: started, result } = federate(['up', '--foreground', ...FREE_PORTS], box.home);
    const deadline = AbortSignal.timeout(60_000);
    while ((await box.run('status')).code !== 0) await systemClock.sleep(200, deadline);
    started.kill('SIGINT');
    expect((await result).code).toBe(0);
    expect(await left()).toBe(0);
  });
});

describe('what is killed', () => {
  test('the federator is started again, and nothing else is', async () => {
    await box.run('up', ...FREE_PORTS);
    const before = JSON.parse((await box.run('status', '--json')).out) as { edge: { pid: number } };
    const found = processesWithEnv('DHARMA_FEDERATION', await federationId());
    const federator = await find(
      found.map(({ pid }) => pid),
      'federator/server/main.js',
    );
    process.kill(federator, 'SIGKILL');
    const deadline = AbortSignal.timeout(60_000);
    for (;;) {
      const status = await box.run('status', '--json');
      if (status.code === 0) {
        expect(JSON.parse(status.out)).toMatchObject({
          edge: { pid: before.edge.pid },
          instance: { epoch: 2 },
        });
        break;
      }
      await systemClock.sleep(100, deadline);
    }
  });

  test('a store comes back with what it held', async () => {
    await box.run('up', ...FREE_PORTS);
    const found = processesWithEnv('DHARMA_FEDERATION', await federationId()).map(({ pid }) => pid);
    process.kill(await find(found, 'embedded-mongo/main.js'), 'SIGKILL');
    const deadline = AbortSignal.timeout(60_000);
    while ((await box.run('migrate')).code !== 0) await systemClock.sleep(100, deadline);
    const migrated = await box.run('migrate', '--json');
    expect(JSON.parse(migrated.out)).toMatchObject({ applied: [] });
  });

  test('the supervisor takes everything with it, and the next up cleans up after it', async () => {
    await box.run('up', ...FREE_PORTS);
    process.kill(await supervisorPid(), 'SIGKILL');
    const deadline = AbortSignal.timeout(30_000);
    while ((await left()) > 0) await systemClock.sleep(20, deadline);
    const status = await box.run('status', '--json');
    expect(status.code).toBe(1);
    expect(JSON.parse(status.out)).toMatchObject({ error: { code: 'NOT_RUNNING' } });
    expect((await box.run('up', ...FREE_PORTS)).code).toBe(0);
  });
});

async function find(pids: readonly number[], program: string): Promise<number> {
  for (const pid of pids) if ((await readFile(`/proc/${pid}/cmdline`, 'utf8')).includes(program)) return pid;
  throw new Error(`no process of ${program}`);
}
