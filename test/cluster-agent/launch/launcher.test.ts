import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { Client } from 'undici';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createLauncher } from '../../../cluster-agent/index.js';
import {
  findNative,
  type DharmaError,
  type LaunchSpec,
  type Release,
  type RunningApp,
} from '../../../common/index.js';
import { httpApp, releaseOf } from '../support/apps.js';
import { temporaryFolder } from '../support/folders.js';

const signal = new AbortController().signal;

function specOf(root: string, release: Release, more: Partial<LaunchSpec> = {}): LaunchSpec {
  return {
    release,
    name: 'tiny-1',
    env: {},
    workDir: join(root, 'work'),
    logFile: join(root, 'logs/1.log'),
    ...more,
  };
}

async function launched(spec: LaunchSpec): Promise<RunningApp & { readonly url: string }> {
  const app = await createLauncher().launch(spec, signal);
  onTestFinished(() => app.stop());
  if (!('port' in app.target)) throw new Error('no TCP target');
  return { ...app, url: `http://${app.target.host}:${app.target.port}` };
}

async function failure(spec: LaunchSpec): Promise<DharmaError> {
  const outcome: unknown = await createLauncher()
    .launch(spec, signal)
    .catch((error: unknown) => error);
  return outcome as DharmaError;
}

const ECHO = httpApp(
  '(q, r) => r.end(JSON.stringify({ env: process.env, cwd: process.cwd(), dir: __dirname }))',
);

describe('launcher', () => {
  it('starts an app at the host it is told, with its env and nothing else of ours', async () => {
    const root = await temporaryFolder();
    process.env.DHA_SECRET_OF_OURS = 'x';
    onTestFinished(() => void delete process.env.DHA_SECRET_OF_OURS);
    const release = await releaseOf(root, ECHO, {
      env: { FROM: 'manifest', KEPT: '1' },
      writable: { UPLOADS: 'up' },
    });
    const app = await launched(specOf(root, release, { host: '127.9.8.7', env: { FROM: 'launch' } }));
    expect(app.url).toContain('127.9.8.7');
    const { env } = (await (await fetch(app.url)).json()) as { env: Record<string, string> };
    expect(env).toMatchObject({
      FROM: 'launch',
      KEPT: '1',
      HOST: '127.9.8.7',
      UPLOADS: join(root, 'work/up'),
    });
    expect(env).not.toHaveProperty('DHA_SECRET_OF_OURS');
    expect(existsSync(env.UPLOADS!)).toBe(true);
  });

  it('holds an app to the CPUs and memory of its size', async () => {
    const root = await temporaryFolder();
    const release = await releaseOf(
      root,
      httpApp(`(q, r) => {
        if (q.url === '/grab') globalThis.kept = Array.from({ length: 400 }, () => Buffer.alloc(2 ** 20, 1));
        r.end(String(require('node:os').availableParallelism()));
      }`),
    );
    const app = await launched(specOf(root, release, { limits: { cpus: 1, memory: 300 * 2 ** 20 } }));
    expect(await (await fetch(app.url)).text()).toBe('1');
    await expect(fetch(`${app.url}/grab`)).rejects.toThrow();
    expect((await app.exited).code).not.toBe(0);
    const free = await launched(specOf(join(root, 'free'), release));
    expect((await fetch(`${free.url}/grab`)).status).toBe(200);
  });

  it('runs in a working copy, so that what the app writes never reaches the release', async () => {
    const root = await temporaryFolder();
    const write = `require('node:fs').writeFileSync(__dirname + '/written.txt', 'x');\n`;
    const release = await releaseOf(root, write + ECHO);
    const app = await launched(specOf(root, release));
    const { cwd, dir } = (await (await fetch(app.url)).json()) as { cwd: string; dir: string };
    expect(cwd).toBe(dir);
    expect(await readdir(cwd)).toContain('written.txt');
    expect(await readdir(release.dir)).not.toContain('written.txt');
  });

  it('loads preloads before the app', async () => {
    const root = await temporaryFolder();
    await mkdir(join(root, 'pre load'));
    await writeFile(join(root, 'pre load/p.mjs'), 'globalThis.PRELOADED = "yes";');
    const release = await releaseOf(root, httpApp('(q, r) => r.end(String(globalThis.PRELOADED))'));
    const app = await launched(specOf(root, release, { preloads: [join(root, 'pre load/p.mjs')] }));
    expect(await (await fetch(app.url)).text()).toBe('yes');
  });

  it('waits until the health path answers 2xx', async () => {
    const root = await temporaryFolder();
    const release = await releaseOf(
      root,
      httpApp(
        '(q, r) => { r.statusCode = process.uptime() > 0.5 ? 200 : 503; r.end(String(process.uptime())); }',
      ),
      { health: { path: '/health' } },
    );
    const app = await launched(specOf(root, release));
    expect((await fetch(app.url)).status).toBe(200);
  });

  it('tells how an app ended that did not start, with what it wrote this time', async () => {
    const root = await temporaryFolder();
    const release = await releaseOf(root, 'console.error("no DATABASE today"); process.exit(7)');
    const spec = specOf(root, release);
    await mkdir(join(root, 'logs'));
    await writeFile(spec.logFile, 'from an earlier life\n');
    const error = await failure(spec);
    expect(error).toMatchObject({ code: 'APP_EXITED', found: 'no DATABASE today' });
    expect(error.message).toContain('exit code 7');
    expect(await readFile(spec.logFile, 'utf8')).toContain('from an earlier life');
  });

  it('tells an app that listens elsewhere what it was told and where it listens', async () => {
    const root = await temporaryFolder();
    const release = await releaseOf(root, 'require("node:http").createServer().listen(0, "127.0.0.1")');
    const error = await failure(specOf(root, release, { host: '127.9.8.6', readyTimeoutMs: 700 }));
    expect(error.code).toBe('APP_NOT_LISTENING');
    expect(error.found).toMatch(/it was told PORT=\d+ HOST=127\.9\.8\.6; it listens at 127\.0\.0\.1:\d+/);
  });

  it('tries another port when the app finds its own taken', async () => {
    const root = await temporaryFolder();
    const other = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await new Promise((resolve) => other.once('listening', resolve));
    const taken = (other.address() as AddressInfo).port;
    // The first start takes a port that is in use, as when another process is quicker.
    const first = join(root, 'first');
    const source = `const fs = require('node:fs');
if (!fs.existsSync(${JSON.stringify(first)})) { fs.writeFileSync(${JSON.stringify(first)}, ''); process.env.PORT = '${taken}'; }
${ECHO}`;
    const app = await launched(specOf(root, await releaseOf(root, source)));
    expect((await fetch(app.url)).status).toBe(200);
    expect(existsSync(first)).toBe(true);
  });

  it('stops what it started when it is told to give up', async () => {
    const root = await temporaryFolder();
    const pidFile = join(root, 'pid');
    const release = await releaseOf(
      root,
      `require('node:fs').writeFileSync(${JSON.stringify(pidFile)}, String(process.pid)); setInterval(() => {}, 1000)`,
    );
    const abort = new AbortController();
    const launch = createLauncher().launch(specOf(root, release), abort.signal);
    while (!existsSync(pidFile) || (await readFile(pidFile, 'utf8')) === '')
      await new Promise((resolve) => setTimeout(resolve, 20));
    abort.abort(new Error('enough'));
    await expect(launch).rejects.toThrow('enough');
    const pid = Number(await readFile(pidFile, 'utf8'));
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });
});

describe('launcher, in a jail', () => {
  it('reaches the app through the inward socket only, and the app reaches nothing else', async ({ skip }) => {
    const probe = findNative('dharma-run');
    if (probe === undefined || spawnSync(probe, ['--probe-jail']).status !== 0)
      skip('no jail can be made here');
    const root = await temporaryFolder();
    const release = await releaseOf(
      root,
      httpApp(`(q, r) => {
        const socket = require('node:net').connect(Number(q.url.slice(1)), '127.0.0.1');
        socket.on('connect', () => r.end('reached')).on('error', (e) => r.end(e.code));
      }`),
    );
    const outside = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void outside.close());
    await new Promise((resolve) => outside.once('listening', resolve));
    const inwardSocket = join(root, 'in.sock');
    const jail = { bridges: [], inwardSocket, writable: [] };
    const app = await createLauncher().launch(specOf(root, release, { jail }), signal);
    onTestFinished(() => app.stop());
    expect(app.target).toEqual({ socket: inwardSocket });
    const client = new Client('http://app', { socketPath: inwardSocket });
    onTestFinished(() => client.close());
    const { port } = outside.address() as AddressInfo;
    const { body } = await client.request({ method: 'GET', path: `/${port}` });
    expect(await body.text()).toBe('ECONNREFUSED');
  });
});
