import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { constants, networkInterfaces } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { cleanUp, fixture, folderFor, launcher, noJail, run, users } from './launcher.js';

const node = process.execPath;
/** In sight of the jail, unlike the folder for temporary files: what is refused here is refused by rule. */
const visible = resolve('native/build');
const closers: (() => void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) close();
  await cleanUp();
});

/** Listens on everything a process could find on this machine and counts what comes. */
async function hostListeners(folder: string): Promise<{
  readonly tcp: [string, number][];
  readonly udp: [string, number][];
  readonly sockets: string[];
  readonly arrivals: () => number;
}> {
  let arrivals = 0;
  const listen = async (server: Server, where: object): Promise<Server> => {
    server.on('connection', (socket) => {
      arrivals += 1;
      socket.on('error', () => undefined).resume();
    });
    server.listen(where);
    await once(server, 'listening');
    closers.push(() => void server.close());
    return server;
  };
  const port = ((await listen(createServer(), { port: 0, host: '::' })).address() as AddressInfo).port;
  const sockets = [join(folder, 'host.sock'), `\0dharma-test-${process.pid}-${port}`];
  for (const path of sockets)
    await listen(
      createServer(),
      path.startsWith('\0') ? { path } : { path, readableAll: true, writableAll: true },
    );
  const udp = createSocket('udp6').on('message', () => (arrivals += 1));
  udp.bind(0, '::');
  await once(udp, 'listening');
  closers.push(() => void udp.close());
  const outside = Object.values(networkInterfaces())
    .flat()
    .filter((address) => address !== undefined && !address.internal && address.family === 'IPv4')
    .map((address) => address!.address);
  const hosts = ['127.0.0.1', '::1', 'localhost', ...outside, '192.0.2.1'];
  const at = (port: number): [string, number][] => hosts.map((host) => [host, port]);
  return {
    tcp: at(port),
    udp: at(udp.address().port).filter(([host]) => host !== 'localhost'),
    sockets,
    arrivals: () => arrivals,
  };
}

describe.each(users)('a jail, as $name', (user) => {
  const impossible = noJail(user);

  it.skipIf(impossible)('lets a Node program and its children reach nothing of the host', async () => {
    const seen = await folderFor(user, visible);
    const folder = await folderFor(user);
    await mkdir(join(folder, 'given'));
    const host = await hostListeners(seen);
    const targets = {
      ...host,
      writes: [
        join(seen, 'x'),
        join(folder, 'x'),
        '/etc/dharma-test',
        '/run/x',
        '/proc/sys/kernel/core_pattern',
      ],
      opens: ['/dev/vda', '/dev/sda', '/dev/kmsg', '/dev/mem', '/dev/tty'],
      kills: [process.pid, process.ppid],
    };
    const started = run(
      ['--jail', '--readable', folder, '--', node, fixture('escape.mjs'), JSON.stringify(targets)],
      { user },
    );
    const ended = await started.ended;
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    const { child, ...results } = JSON.parse(ended.stdout) as Record<string, unknown> & {
      child: Record<string, unknown>;
    };
    const names = Object.keys(results).filter((name) => name !== 'processes');
    expect(names.length).toBeGreaterThan(15);
    for (const outcome of [results, child])
      for (const name of names) expect(`${name}: ${outcome[name] as string}`).not.toBe(`${name}: out`);
    // init, the program, and the child while it looks.
    expect([results['processes'], child['processes']]).toEqual([2, 3]);
    expect(host.arrivals()).toBe(0);
    expect(await readdir(seen)).toEqual(['host.sock']);

    // The same program outside does get out, or the counts above would say nothing.
    const free = await run(
      [fixture('escape.mjs'), JSON.stringify({ ...targets, writes: [], opens: [] }), '1'],
      { file: node },
    ).ended;
    expect(free.code).toBe(0);
    expect(host.arrivals()).toBeGreaterThanOrEqual(6);
  });

  it.skipIf(impossible)('refuses the system calls that would lead out', async () => {
    const folder = await folderFor(user);
    const program = join(folder, 'escape');
    await promisify(execFile)('cc', ['-o', program, fixture('escape.c')]);
    const ended = await run(['--jail', '--readable', folder, '--', program, String(process.pid)], { user })
      .ended;
    const results = Object.fromEntries(
      ended.stdout
        .trim()
        .split('\n')
        .map((line) => line.split('=') as [string, string]),
    );
    const { EPERM, EACCES, ENOENT, ENOSYS, EAFNOSUPPORT, EROFS, ESRCH, EBADF } = constants.errno;
    const expected: Record<string, number[]> = {
      vsock: [EAFNOSUPPORT],
      packet: [EAFNOSUPPORT],
      raw: [EPERM],
      unix: [EACCES],
      'unix-datagram': [EACCES],
      'pair-datagram': [EACCES],
      'pair-stream': [0],
      'netlink-route': [0],
      'netlink-uevent': [EAFNOSUPPORT],
      io_uring: [ENOSYS],
      'unshare-user': [EPERM],
      'unshare-net': [EPERM],
      'clone-user': [EPERM],
      setns: [EPERM],
      mount: [EPERM],
      remount: [EPERM],
      umount: [EPERM],
      mknod: [EPERM],
      chroot: [EPERM],
      sysctl: [EROFS, EACCES],
      // Not every kernel has it.
      sysrq: [EROFS, EACCES, ENOENT],
      'kill-host': [ESRCH],
      sethostname: [EPERM],
      'descriptor-3': [EBADF],
    };
    expect(Object.keys(results).sort()).toEqual(Object.keys(expected).sort());
    for (const [name, errors] of Object.entries(expected))
      expect(errors.map((error) => `${name}=${error}`)).toContain(`${name}=${results[name]}`);
  });

  it.skipIf(impossible)(
    'writes to its writable directories and a /tmp of its own, and nowhere else',
    async () => {
      const folder = await folderFor(user);
      await mkdir(join(folder, 'app/data'), { recursive: true });
      const chowned = run(['--', 'chown', '-R', String(user.ids.uid ?? process.getuid!()), folder]);
      await chowned.ended;
      await writeFile(join(folder, 'app/code.js'), 'code');
      await symlink(join(folder, 'app/data'), join(folder, 'link'));
      const script =
        'cat code.js; echo kept > data/kept; echo lost > /tmp/lost; echo lost > /dev/shm/lost; ' +
        'echo x > code.js; echo lost > ../lost; ls /tmp/lost; pwd';
      const flags = ['--jail', '--writable', join(folder, 'link')];
      const ended = await run([...flags, '--', 'sh', '-c', script], { user, cwd: join(folder, 'app') }).ended;
      expect(ended.stderr).toMatch(/^[^\n]*code\.js: Read-only file system\n$/);
      expect(ended.stdout).toBe(`code/tmp/lost\n${join(folder, 'app')}\n`);
      expect(await readFile(join(folder, 'app/data/kept'), 'utf8')).toBe('kept\n');
      expect(await readFile(join(folder, 'app/code.js'), 'utf8')).toBe('code');
      expect((await readdir(folder)).sort()).toEqual(['app', 'link']);
      await expect(readFile('/tmp/lost')).rejects.toThrow('ENOENT');
      await expect(readFile('/dev/shm/lost')).rejects.toThrow('ENOENT');
    },
  );

  it.skipIf(impossible)('sees nothing of /tmp but what it is shown', async () => {
    const [shown, other] = [await folderFor(user), await folderFor(user)];
    const ended = await run(['--jail', '--readable', shown, '--', 'ls', '/tmp', '/run', other], {
      user,
      cwd: '/',
    }).ended;
    expect(ended.stdout).toBe(`/run:\n\n/tmp:\n${shown.replace('/tmp/', '')}\n`);
    expect(ended.stderr).toContain(`${other}': No such file`);
  });

  it.skipIf(impossible)(
    'runs child processes, threads, DNS of localhost and servers on loopback',
    async () => {
      const program = `
      import { execFileSync } from 'node:child_process'; import { createServer } from 'node:http'; import { Worker } from 'node:worker_threads';
      console.log(execFileSync('echo', ['child']).toString().trim());
      await new Promise((done) => new Worker('console.log("worker")', { eval: true }).on('exit', done));
      const server = createServer((_, answer) => answer.end('served')).listen(3000, 'localhost', async () => {
        console.log(await (await fetch('http://localhost:3000/')).text()); process.exit(0); });`;
      const ended = await run(['--jail', '--', node, '--input-type=module', '-e', program], {
        user,
        cwd: '/',
      }).ended;
      expect(ended).toMatchObject({ code: 0, stderr: '' });
      expect(ended.stdout.split('\n').sort()).toEqual(['', 'child', 'served', 'worker']);
    },
  );
});

describe('dharma-run --probe-jail', () => {
  const seen = ['--readable', dirname(launcher)];
  const impossible = noJail(users[0]!);

  it.skipIf(impossible)('says which step fails where a jail cannot be had: in a jail', async () => {
    for (const user of users) {
      const ended = await run(['--jail', ...seen, '--', launcher, '--probe-jail'], { user }).ended;
      expect(ended).toMatchObject({ code: 1, stderr: '' });
      expect(JSON.parse(ended.stdout)).toEqual({
        ok: false,
        step: 'user namespace',
        error: 'Operation not permitted',
      });
    }
  });

  it.skipIf(impossible)('runs nothing when a jail cannot be had', async () => {
    const ended = await run(['--jail', ...seen, '--', launcher, '--jail', '--', 'echo', 'ran']).ended;
    expect(ended).toMatchObject({ code: 125, stdout: '' });
    expect(ended.stderr).toMatch(/^dharma-run: \w+ namespace: Operation not permitted\n$/);
  });
});
