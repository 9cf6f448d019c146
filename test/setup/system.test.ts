import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Sandbox } from './sandbox.js';

/** An apt-get without lists until its first update, whose redis-server is one more program in PATH. */
async function aptSystem(installs = 'touch redis-server; chmod 755 redis-server'): Promise<Sandbox> {
  const sandbox = await Sandbox.create();
  await sandbox.program(
    'apt-get',
    `cd "${sandbox.bin}"; echo "$@" >> ../apt.log
     case "$*" in
       *update*) touch ../lists;;
       *install*) [ -e ../lists ] || exit 100; ${installs};;
     esac`,
  );
  // Whoever runs the tests may be root or not; a sudo that never asks makes both alike.
  await sandbox.program('sudo', '[ "$1" = -n ] && shift; if [ "$1" = true ]; then exit 0; fi; exec "$@"');
  return sandbox;
}

describe('system packages', () => {
  it('are installed where no question is needed, after a line that says so', async () => {
    const sandbox = await aptSystem();
    const first = await sandbox.call('system.mjs', "ensureSystem(['stores'])");
    expect(first).toMatchObject({
      code: 0,
      stderr: 'dharma: redis-server missing: installing redis-server with apt-get\n',
    });
    const log = await readFile(join(sandbox.dir, 'apt.log'), 'utf8');
    expect(log.split('\n').map((line) => line.split(' ')[1])).toEqual([
      'install',
      'update',
      'install',
      undefined,
    ]);

    const second = await sandbox.call('system.mjs', "ensureSystem(['stores'])");
    expect(second).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await readFile(join(sandbox.dir, 'apt.log'), 'utf8')).toBe(log);
  });

  it('that apt-get cannot install end the set-up', async () => {
    const sandbox = await aptSystem('echo "E: no such package"; exit 100');
    const outcome = await sandbox.call('system.mjs', "ensureSystem(['stores'])");
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain('E: no such package');
    expect(outcome.stderr).toContain('cannot install redis-server');
  });

  it('that apt-get installs without bringing what is needed are told', async () => {
    const outcome = await (await aptSystem('true')).call('system.mjs', "ensureSystem(['stores'])");
    expect(outcome).toMatchObject({ code: 1 });
    expect(outcome.stderr).toContain('redis-server still missing');
  });

  it('stop the set-up with one line where there is no apt-get', async () => {
    const sandbox = await Sandbox.create();
    const outcome = await sandbox.call('system.mjs', "ensureSystem(['stores'])");
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toBe('dharma: redis-server missing. Install what Debian calls: redis-server\n');
  });

  it('include the compiler and make', async () => {
    const sandbox = await Sandbox.create();
    const outcome = await sandbox.call('system.mjs', "ensureSystem(['native'])");
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toBe('dharma: a C compiler, make missing. Install what Debian calls: gcc make\n');
  });

  it('include headers only while a source includes them', async () => {
    const sandbox = await Sandbox.create();
    await sandbox.link('make');
    // A compiler that finds the C library's headers and no others.
    await sandbox.program('cc', 'case "$(cat)" in *stdio.h*) exit 0;; *) exit 1;; esac');
    const without = await sandbox.call('system.mjs', "ensureSystem(['native'])");
    expect(without).toEqual({ code: 0, stdout: '', stderr: '' });

    await sandbox.write('native/src/tls.c', '#include <openssl/ssl.h>\n');
    const withTls = await sandbox.call('system.mjs', "ensureSystem(['native'])");
    expect(withTls.stderr).toBe(
      'dharma: the headers of OpenSSL missing. Install what Debian calls: libssl-dev\n',
    );
  });
});

describe('the machine', () => {
  it.each([
    ["'darwin'", 'runs on Linux; this is darwin'],
    ["'linux', '18.20.4'", 'needs Node.js 20.19.0 or newer; this is 18.20.4'],
    ["'linux', '20.18.9'", 'needs Node.js 20.19.0 or newer; this is 20.18.9'],
  ])('checkMachine(%s) is one line', async (args, line) => {
    const sandbox = await Sandbox.create();
    await sandbox.write('package.json', { engines: { node: '>=20.19.0' } });
    const outcome = await sandbox.call('setup.mjs', `checkMachine(${args})`);
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain(line);
    expect(outcome.stderr.trim().split('\n')).toHaveLength(1);
  });

  it.each(["'linux', '20.19.0'", "'linux', '22.1.0'"])('checkMachine(%s) is content', async (args) => {
    const sandbox = await Sandbox.create();
    await sandbox.write('package.json', { engines: { node: '>=20.19.0' } });
    expect(await sandbox.call('setup.mjs', `checkMachine(${args})`)).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
  });
});
