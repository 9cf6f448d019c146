import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { Agent, createServer as createHttp, request } from 'node:http';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { cleanUp, fixture, folderFor, noJail, run, users } from './launcher.js';
import type { Running } from './launcher.js';

const node = process.execPath;
const inside = fixture('relay-inside.mjs');
/** Shown in the jail: a clone may lie below /tmp, which a jail hides. */
const fixtures = dirname(inside);
const PORT = 27017;
const closers: (() => void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) close();
  await cleanUp();
});

async function listenOn<T extends Server>(server: T, path: string, backlog = 511): Promise<T> {
  server.listen({ path, backlog });
  await once(server, 'listening');
  await chmod(path, 0o666); // the jail may be another user's
  closers.push(() => void server.close());
  return server;
}

/** One request to a unix socket; resolves with the answer's hash. */
function echo(agent: Agent, socketPath: string, body: Buffer): Promise<string> {
  return new Promise((done, failed) => {
    const outgoing = request({ agent, socketPath, method: 'POST' }, (answer) => {
      const sum = createHash('sha256');
      answer.on('data', (chunk: Buffer) => sum.update(chunk));
      answer.on('end', () => done(sum.digest('hex')));
      answer.on('error', failed);
    });
    outgoing.on('error', failed);
    outgoing.end(body);
  });
}
const hashOf = (body: Buffer): string => createHash('sha256').update(body).digest('hex');

/** Everything a connection to `path` gave until it closed, and the error that closed it. */
function exchange(path: string, text: Buffer | string): Promise<{ text: string; error: string | undefined }> {
  return new Promise((done) => {
    const chunks: Buffer[] = [];
    let error: string | undefined;
    const socket: Socket = connect({ path, allowHalfOpen: true }, () => socket.end(text));
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('end', () => socket.end());
    socket.on('error', (caught: NodeJS.ErrnoException) => (error = caught.code));
    socket.on('close', () => done({ text: Buffer.concat(chunks).toString(), error }));
  });
}

/** The launcher's network has the socket; a flag tells that it does not only stand there but listens. */
async function waitUntilListening(path: string, running: Running): Promise<void> {
  await vi.waitFor(() => {
    const sockets = readFileSync(`/proc/${running.child.pid}/net/unix`, 'utf8').split('\n');
    const row = sockets.find((line) => line.endsWith(` ${path}`));
    expect(row?.split(/\s+/)[3]).toBe('00010000');
  });
}

describe.each(users)('the relay of a jail, as $name', (user) => {
  const impossible = noJail(user);

  describe('--bridge', () => {
    const client = (path: string, ...args: string[]): Running =>
      run(['--jail', '--readable', fixtures, '--bridge', `${path}:${PORT}`, '--', node, inside, ...args], {
        user,
        cwd: '/',
      });

    it.skipIf(impossible)('carries thousands of keep-alive requests and large bodies', async () => {
      const path = join(await folderFor(user), 'host.sock');
      const server = await listenOn(
        createHttp((incoming, answer) => void incoming.pipe(answer)),
        path,
      );
      let connections = 0;
      server.on('connection', () => (connections += 1));
      const ended = await client(path, 'client', String(PORT), '4000').ended;
      expect(ended).toMatchObject({ code: 0, stdout: 'all equal', stderr: '' });
      expect(connections).toBeLessThanOrEqual(16);
    });

    it.skipIf(impossible)('loses no connection when the host is slow to accept', async () => {
      const path = join(await folderFor(user), 'host.sock');
      await listenOn(
        createServer((socket) => {
          socket.resume().on('end', () => socket.end('answer'));
          // Nothing is accepted meanwhile, and a backlog of one is soon full.
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
        }),
        path,
        1,
      );
      const ended = await client(path, 'connections', String(PORT), '60').ended;
      expect(JSON.parse(ended.stdout)).toEqual({ answer: 60 });
    });

    it.skipIf(impossible)('breaks a connection when nobody listens at the host', async () => {
      const path = join(await folderFor(user), 'nobody.sock');
      const ended = await client(path, 'connections', String(PORT), '3').ended;
      const outcomes = Object.keys(JSON.parse(ended.stdout) as object);
      // What the jailed side sees depends on what it was doing; an answer it is not.
      for (const outcome of outcomes) expect(['ECONNRESET', 'EPIPE']).toContain(outcome);
    });
  });

  describe('--inward', () => {
    const serve = async (
      role: string,
      argument = '127.0.0.1',
    ): Promise<{ path: string; running: Running }> => {
      const path = join(await folderFor(user), 'in.sock');
      const flags = ['--jail', '--readable', fixtures, '--inward', `${PORT}:${path}`];
      const running = run([...flags, '--', node, inside, role, String(PORT), argument], { user, cwd: '/' });
      await running.printed('ready');
      // The socket is there from the start; it accepts once the command does, without a connection to find out.
      await waitUntilListening(path, running);
      return { path, running };
    };

    it.skipIf(impossible)('carries thousands of keep-alive requests and large bodies', async () => {
      const { path } = await serve('echoServer');
      const agent = new Agent({ keepAlive: true, maxSockets: 16 });
      closers.push(() => agent.destroy());
      const large = randomBytes(8 << 20);
      const bodies = Array.from({ length: 4000 }, (_, i) =>
        i % 500 === 0 ? large : Buffer.from(`body ${i}`),
      );
      const answers = await Promise.all(bodies.map((body) => echo(agent, path, body)));
      expect(answers).toEqual(bodies.map(hashOf));
    });

    it.skipIf(impossible)('lets nobody in before the application listens, and asks it nothing', async () => {
      const path = join(await folderFor(user), 'in.sock');
      const flags = ['--jail', '--readable', fixtures, '--inward', `${PORT}:${path}`];
      const running = run([...flags, '--', node, inside, 'lateServer', String(PORT), '127.0.0.1'], {
        user,
        cwd: '/',
      });
      await running.printed('soon');
      expect((await exchange(path, 'x')).error).toBe('ECONNREFUSED');
      running.child.kill('SIGUSR2');
      await running.printed('ready');
      await waitUntilListening(path, running);
      running.child.kill('SIGTERM');
      await running.printed('0 connections');
    });

    it.skipIf(impossible)('finds an application that listens on ::1 alone', async () => {
      const { path } = await serve('echoServer', '::1');
      const agent = new Agent();
      expect(await echo(agent, path, Buffer.from('x'))).toBe(hashOf(Buffer.from('x')));
    });

    it.skipIf(impossible)('passes on a half close, and the last bytes of a command that ends', async () => {
      const { path, running } = await serve('halfCloseServer');
      const sent = randomBytes(3 << 20);
      const { text, error } = await exchange(path, sent);
      expect(error).toBeUndefined();
      expect(text.slice(0, 64)).toBe(hashOf(sent));
      expect(text.length).toBe(64 + (1 << 20));
      expect(await running.ended).toMatchObject({ code: 0, stderr: '' });
      expect(existsSync(path)).toBe(false);
    });

    it.skipIf(impossible)('holds little for a reader that does not read', async () => {
      const { path, running } = await serve('floodServer');
      const socket = connect(path).pause();
      closers.push(() => socket.destroy());
      await running.printed('full');
      const resident = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${running.child.pid}/status`, 'utf8'));
      expect(Number(resident?.[1])).toBeLessThan(16_384);
    });

    it.skipIf(impossible)('tells the application that a client has given up', async () => {
      const { path, running } = await serve('patientServer');
      const socket = connect(path, () => socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
      await once(socket, 'connect');
      socket.destroy();
      await running.printed('gone');
    });

    it.skipIf(impossible)('ends connections that the application breaks, and takes others', async () => {
      const { path } = await serve('resetServer');
      for (let i = 0; i < 20; i++) expect((await exchange(path, 'x')).text).toBe('');
    });

    it.skipIf(impossible)('replaces the socket of a dead launcher, and leaves a live one alone', async () => {
      const { path, running } = await serve('echoServer');
      const flags = ['--jail', '--readable', fixtures, '--inward', `${PORT}:${path}`, '--'];
      const second = await run([...flags, 'true'], { user }).ended;
      expect(second).toMatchObject({
        code: 125,
        stderr: `dharma-run: inward socket ${path}: Address already in use\n`,
      });
      running.child.kill('SIGKILL');
      await running.ended;
      expect(existsSync(path)).toBe(true);
      expect(await run([...flags, 'true'], { user }).ended).toMatchObject({ code: 0, stderr: '' });
    });
  });
});
