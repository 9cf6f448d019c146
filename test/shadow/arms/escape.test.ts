import { execFile } from 'node:child_process';
import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { homedir, networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Release } from '../../../common/index.js';
import type { ArmSet } from '../../../shadow/arms-contract.js';
import { prepareArms } from '../../../shadow/arms/prepare.js';
import { ask, prepareOptions, testRelease } from './fixture.js';

/** The outside: everything that reaches it is counted. */
class Outside {
  readonly #servers: Server[] = [];
  #udp!: Datagrams;
  arrived: string[] = [];
  tcp = 0;
  udp = 0;

  async open(unix: string, abstract: string): Promise<void> {
    this.tcp = ((await this.#listen('tcp', { port: 0, host: '0.0.0.0' })).address() as AddressInfo).port;
    await this.#listen('unix', { path: unix });
    await this.#listen('abstract', { path: `\0${abstract}` });
    this.#udp = createSocket('udp4').on('message', () => this.arrived.push('udp'));
    this.#udp.bind(0, '0.0.0.0');
    await once(this.#udp, 'listening');
    this.udp = this.#udp.address().port;
    process.on('SIGUSR2', this.#signalled);
  }

  readonly #signalled = (): void => void this.arrived.push('signal');

  async #listen(kind: string, where: object): Promise<Server> {
    const server = createServer((socket) => {
      this.arrived.push(kind);
      socket.on('error', () => undefined).destroy();
    });
    this.#servers.push(server);
    server.listen(where);
    await once(server, 'listening');
    return server;
  }

  close(): void {
    for (const server of this.#servers) server.close();
    this.#udp.close();
    process.removeListener('SIGUSR2', this.#signalled);
  }
}

/** An address of this machine's that is not loopback, where it has one. */
function ownAddress(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address);
}

describe('an app that tries everything to get out of an arm', () => {
  let dir: string;
  let outside: Outside;
  let set: ArmSet | undefined;
  let release: Release;
  let homeFile: string;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'dharma-test-escape-'));
    homeFile = join(homedir(), `.dharma-test-escape-${process.pid}`);
    await writeFile(homeFile, 'untouched');
    outside = new Outside();
    await outside.open(join(dir, 'outside.sock'), `dharma-escape-${process.pid}`);
    release = await testRelease(join(dir, 'release'), 'r1');
    set = await prepareArms(
      prepareOptions({ workDir: join(dir, 'work'), old: release, new: release, live: {}, names: ['new-a'] }),
    );
  });
  afterAll(async () => {
    await set?.stop();
    outside.close();
    await rm(homeFile, { force: true });
    await rm(dir, { recursive: true, force: true });
  });

  it('reaches nothing', async () => {
    const hosts = ['127.0.0.1', ...ownAddress().slice(0, 1), '192.0.2.1'];
    const { json, status, text } = await ask(set!.arms[0]!.app, '/escape', {
      ...{ hosts, tcp: outside.tcp, udp: outside.udp },
      unix: join(dir, 'outside.sock'),
      abstract: `dharma-escape-${process.pid}`,
      files: [homeFile, join(release.dir, 'main.mjs')],
      pid: process.pid,
    });
    expect(status, text).toBe(200);
    const { ways, worked } = json.tried as { ways: number; worked: string[] };
    expect(ways).toBeGreaterThan(30);
    // A datagram to a loopback of the jail's own is sent, to nobody.
    expect(worked.filter((way) => way !== 'udp 127.0.0.1')).toEqual([]);
    expect(outside.arrived).toEqual([]);
    expect(await readFile(homeFile, 'utf8')).toBe('untouched');
    expect(await readFile(join(release.dir, 'main.mjs'), 'utf8')).not.toMatch(/out$/);
  });

  it('would reach much without the jail', async () => {
    // The same attempts from a plain process: so that the silence above is the jail's doing, not the attempts'.
    const victim = join(dir, 'victim');
    await writeFile(victim, 'was');
    const attempts = {
      ...{ hosts: ['127.0.0.1'], tcp: outside.tcp, udp: outside.udp, unix: join(dir, 'outside.sock') },
      ...{ abstract: `dharma-escape-${process.pid}`, files: [victim], pid: process.pid },
    };
    const script = `import { tryEverything } from ${JSON.stringify(new URL('app/escape.mjs', import.meta.url).href)};
      process.stdout.write(JSON.stringify(await tryEverything(${JSON.stringify(attempts)})), () => process.exit());`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...process.env, UPLOAD_DIR: dir },
    });
    const { worked } = JSON.parse(stdout) as { worked: string[] };
    expect(worked).toEqual(expect.arrayContaining(['net 127.0.0.1', 'udp 127.0.0.1', 'unix', 'kill']));
    for (const kind of ['tcp', 'udp', 'unix', 'signal']) expect(outside.arrived).toContain(kind);
    expect(await readFile(victim, 'utf8')).not.toBe('was');
  });

  it('is told what was tried', async () => {
    const { calls } = await set!.arms[0]!.collect(new AbortController().signal);
    const seen = new Set(calls.map(({ method, destination }) => `${method} ${destination}`));
    expect(seen).toContain(`CONNECT 192.0.2.1:${outside.tcp}`);
    expect(seen).toContain(`UDP 192.0.2.1:${outside.udp}`);
    expect(seen).toContain('DNS outside.example.test');
    expect(set!.guard()).toMatchObject({ enforcement: 'namespace', answered: 0, escaped: 0 });
  });
});
