import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../common/index.js';
import { federate, FREE_PORTS, processesWithEnv, sandbox, type Sandbox } from './support.js';

async function federationId(box: Sandbox): Promise<string> {
  return (JSON.parse(await readFile(join(box.home, 'federation.json'), 'utf8')) as { id: string }).id;
}
const pids = async (box: Sandbox): Promise<number[]> =>
  processesWithEnv('DHARMA_FEDERATION', await federationId(box)).map(({ pid }) => pid);
async function supervisorPid(box: Sandbox): Promise<number> {
  return (JSON.parse(await readFile(join(box.home, 'run/dharmad.json'), 'utf8')) as { pid: number }).pid;
}

/** One federation through its life; each test goes on where the one before it ended. */
describe('a federation', () => {
  let box: Sandbox;
  beforeAll(async () => {
    box = await sandbox();
  });
  afterAll(() => box.close());

  test('starts once, however often it is told to', async () => {
    const status = JSON.parse((await box.up()).out) as { edge: { url: string }; health: string };
    expect(status.health).toBe('ok');
    expect((await fetch(status.edge.url)).status).toBeGreaterThanOrEqual(500); // There is no cluster yet.
    const pid = await supervisorPid(box);
    const second = await box.run('up', '--json');
    expect(second.code).toBe(0);
    expect(second.err).toContain('already');
    expect(JSON.parse(second.out)).toMatchObject({ edge: { url: status.edge.url } });
    expect(await supervisorPid(box)).toBe(pid);
  });

  test('keeps its home to its owner, and its token out of sight', async () => {
    const mode = async (file: string): Promise<number> => (await stat(join(box.home, file))).mode & 0o777;
    expect(await mode('.')).toBe(0o700);
    for (const file of ['token', 'federation.json', 'run/runtime.json', 'run/dharmad.sock'])
      expect(await mode(file)).toBe(0o600);
    const token = (await readFile(join(box.home, 'token'), 'utf8')).trim();
    for (const pid of await pids(box))
      expect(await readFile(`/proc/${pid}/cmdline`, 'utf8')).not.toContain(token);
    for (const file of await readdir(join(box.home, 'logs')))
      expect(await readFile(join(box.home, 'logs', file), 'utf8')).not.toContain(token);
  });

  test('starts a killed federator again, and nothing else', async () => {
    const before = JSON.parse((await box.run('status', '--json')).out) as { edge: { pid: number } };
    process.kill(await find(await pids(box), 'federator/server/main.js'), 'SIGKILL');
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

  test('starts a killed store again, with what it held', async () => {
    process.kill(await find(await pids(box), 'embedded-mongo/main.js'), 'SIGKILL');
    const deadline = AbortSignal.timeout(60_000);
    let migrated = await box.run('migrate', '--json');
    for (; migrated.code !== 0; migrated = await box.run('migrate', '--json'))
      await systemClock.sleep(100, deadline);
    expect(JSON.parse(migrated.out)).toMatchObject({ applied: [] });
  });

  test('ends with a killed supervisor, and the next up starts anew', async () => {
    process.kill(await supervisorPid(box), 'SIGKILL');
    const deadline = AbortSignal.timeout(30_000);
    while ((await pids(box)).length > 0) await systemClock.sleep(20, deadline);
    const status = await box.run('status', '--json');
    expect(status.code).toBe(1);
    expect(JSON.parse(status.out)).toMatchObject({ error: { code: 'NOT_RUNNING' } });
    await box.up();
  });

  test('leaves nothing running when it is told to stop', async () => {
    expect((await box.run('down')).code).toBe(0);
    expect(await pids(box)).toEqual([]);
    expect(await readdir(join(box.home, 'run'))).toEqual([]);
  });
});

describe('up', () => {
  let box: Sandbox;
  beforeEach(async () => {
    box = await sandbox();
  });
  afterEach(() => box.close());

  test.each([
    ['--edge-port', 'the edge'],
    ['--api-port', 'the API'],
  ])('says who has the port when %s is taken, and leaves nothing', async (flag, what) => {
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
      expect(await pids(box)).toEqual([]);
    } finally {
      server.close();
    }
  });

  test('refuses settings with a wrong key', async () => {
    await box.file('h/federation.json', { id: 'f0123456789abcdef', edges: { port: 1 } });
    const { code, err } = await box.run('up', ...FREE_PORTS);
    expect(code).not.toBe(0);
    expect(err).toContain('edges');
    expect(err).toContain('federation.json');
  });

  test('refuses a store that does not answer', async () => {
    await box.file('h/federation.json', {
      id: 'f0123456789abcdef',
      stores: { redis: 'redis://:pass@127.0.0.1:1' },
    });
    const { code, err } = await box.run('up', ...FREE_PORTS);
    expect(code).toBe(1);
    expect(err).toContain('does not answer');
    expect(err).not.toContain('pass@');
    expect(await pids(box)).toEqual([]);
  });

  // At different moments of the start: Ctrl-C takes back what there is of it.
  test.each([300, 1500])('interrupted after %i ms leaves nothing half', async (ms) => {
    const { process: started, result } = federate(['up', ...FREE_PORTS], box.home);
    await systemClock.sleep(ms);
    started.kill('SIGINT');
    const { code } = await result;
    if (code === 0) return; // It was up before: that is whole, too.
    if (!existsSync(join(box.home, 'federation.json'))) return; // It had not begun.
    const deadline = AbortSignal.timeout(30_000);
    while ((await pids(box)).length > 0) await systemClock.sleep(50, deadline);
  });

  test('in the foreground stops at Ctrl-C', async () => {
    const { process: started, result } = federate(['up', '--foreground', ...FREE_PORTS], box.home);
    const deadline = AbortSignal.timeout(60_000);
    while ((await box.run('status')).code !== 0) await systemClock.sleep(200, deadline);
    started.kill('SIGINT');
    expect((await result).code).toBe(0);
    expect(await pids(box)).toEqual([]);
  });
});

async function find(among: readonly number[], program: string): Promise<number> {
  for (const pid of among) if ((await readFile(`/proc/${pid}/cmdline`, 'utf8')).includes(program)) return pid;
  throw new Error(`no process of ${program}`);
}
