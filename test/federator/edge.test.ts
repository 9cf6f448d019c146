import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { get as getHttps } from 'node:https';
import { connect, createServer, type AddressInfo } from 'node:net';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLogger, freePort } from '../../common/index.js';
import { Edge } from '../../federator/daemon/edge.js';
import { EdgeFiles } from '../../federator/daemon/edge-files.js';
import { Home } from '../../federator/home/home.js';
import { loadSettings } from '../../federator/home/settings.js';

const fixture = (name: string): string => resolve('test/native/fixtures/tls', name);

let dir: string;
const stops: (() => Promise<void> | void)[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'dharma-edge-'));
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  await rm(dir, { recursive: true, force: true });
});

/** Writes the fixture's certificate where the operator would have it. */
async function install(name: 'a' | 'b'): Promise<{ certificate: string; key: string }> {
  const files = { certificate: join(dir, 'chain.pem'), key: join(dir, 'key.pem') };
  await copyFile(fixture(`${name}.key`), files.key);
  await chmod(files.key, 0o600);
  await copyFile(fixture(`${name}.pem`), files.certificate);
  return files;
}

const ca = readFileSync(fixture('ca.pem'));

async function eventually<T>(probe: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    await new Promise((done) => setTimeout(done, 20));
  }
}

/** Status of an https request, and who answered it. */
const secure = (port: number): Promise<{ status: number | undefined; owner: unknown }> =>
  new Promise((done, fail) => {
    const options = { host: '127.0.0.1', port, ca, servername: 'a.test', agent: false };
    getHttps(options, (response) => {
      response.resume();
      done({
        status: response.statusCode,
        owner: (response.socket as TLSSocket).getPeerCertificate().subject.CN,
      });
    }).on('error', fail);
  });

describe('the edge with certificates', () => {
  test('serves https, sends others there, and answers what an ACME client leaves in its webroot', async () => {
    const home = new Home(join(dir, 'home'));
    await home.prepare();
    const tls = { port: await freePort(), certificates: [await install('a')], force: true };
    const edge = new Edge(home, { address: '127.0.0.1', port: 0, tls }, createLogger('test', 'silent'));
    stops.push(() => edge.stop());
    const { port, tlsPort } = await edge.start(AbortSignal.timeout(10_000));
    expect(tlsPort).toBe(tls.port);
    expect(await secure(tls.port)).toEqual({ status: 503, owner: 'a' }); // There is no cluster yet.
    const plain = (path: string): Promise<Response> =>
      fetch(`http://127.0.0.1:${port}${path}`, { redirect: 'manual' });
    const sent = await plain('/x?y=1');
    expect(sent.status).toBe(308);
    expect(sent.headers.get('location')).toBe(`https://127.0.0.1:${tls.port}/x?y=1`);

    const challenges = join(home.acmeDir, '.well-known', 'acme-challenge');
    await writeFile(join(challenges, 'tok_1-A'), 'tok_1-A.thumbprint\n');
    await writeFile(join(challenges, 'not a token'), 'x');
    const answer = await eventually(async () => {
      const response = await plain('/.well-known/acme-challenge/tok_1-A');
      return response.status === 200 ? response.text() : undefined;
    });
    expect(answer.trim()).toBe('tok_1-A.thumbprint');
    // What the federator tells it later leaves that in force.
    await edge.configure({ nodes: [], routes: [], capture: { enabled: false } });
    expect((await plain('/.well-known/acme-challenge/tok_1-A')).status).toBe(200);
    await rm(join(challenges, 'tok_1-A'));
    await eventually(async () =>
      (await plain('/.well-known/acme-challenge/tok_1-A')).status === 308 ? true : undefined,
    );
    await install('b');
    await edge.configure({ nodes: [], routes: [], capture: { enabled: false } });
    expect((await secure(tls.port).catch((error: Error) => error.message)) as string).toMatch(
      /b\.test|altnames/,
    );
  });

  test('says which of its ports is taken', async () => {
    const home = new Home(join(dir, 'home'));
    await home.prepare();
    const squatter = createServer().listen(0, '127.0.0.1');
    await once(squatter, 'listening');
    stops.push(() => void squatter.close());
    const { port } = squatter.address() as AddressInfo;
    const tls = { port, certificates: [await install('a')], force: true };
    const edge = new Edge(home, { address: '127.0.0.1', port: 0, tls }, createLogger('test', 'silent'));
    stops.push(() => edge.stop());
    await expect(edge.start(AbortSignal.timeout(10_000))).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      remedy: expect.stringContaining('edge.tls.port') as string,
    });
  });

  test('does not start with a key that others can read, and names it', async () => {
    const home = new Home(join(dir, 'home'));
    await home.prepare();
    const files = await install('a');
    await chmod(files.key, 0o644);
    const tls = { port: await freePort(), certificates: [files], force: true };
    const edge = new Edge(home, { address: '127.0.0.1', port: 0, tls }, createLogger('test', 'silent'));
    stops.push(() => edge.stop());
    await expect(edge.start(AbortSignal.timeout(10_000))).rejects.toMatchObject({
      code: 'PROXY_CONFIG_REFUSED',
      message: expect.stringContaining('tls.certificates[0].key') as string,
    });
  });
});

test('files of the edge: a renewed certificate is noticed', async () => {
  const { certificate } = await install('a');
  let changes = 0;
  const files = new EdgeFiles({
    certificates: [certificate],
    webroot: join(dir, 'acme'),
    onChange: () => changes++,
    lookMs: 20,
  });
  stops.push(() => files.close());
  await files.open();
  await copyFile(fixture('b.pem'), certificate);
  await eventually(() => Promise.resolve(changes > 0 ? true : undefined));
  await mkdir(join(dir, 'acme', '.well-known', 'acme-challenge', 'a-folder'));
  expect(await files.challenges()).toEqual([]);
});

test('settings of the edge have their certificates checked for form', async () => {
  const home = new Home(join(dir, 'home'));
  await home.prepare();
  const { id } = await loadSettings(home);
  const put = (tls: unknown): Promise<void> =>
    writeFile(home.settingsFile, JSON.stringify({ id, edge: { tls } }));
  await put({ certificates: [{ certificate: '/a.pem', key: '/a.key' }] });
  expect((await loadSettings(home)).edge.tls).toMatchObject({ port: 8443, force: true });
  await put({ certificates: [] });
  await expect(loadSettings(home)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  await put({ certificates: [{ certificate: 'a.pem', key: '/a.key' }] });
  await expect(loadSettings(home)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});

test('a balancer before the edge says by the PROXY protocol whose connection it is', async () => {
  const home = new Home(join(dir, 'home'));
  await home.prepare();
  const { id } = await loadSettings(home);
  const put = (proxyProtocol: unknown): Promise<void> =>
    writeFile(home.settingsFile, JSON.stringify({ id, edge: { port: 0, proxyProtocol } }));
  for (const wrong of [['10.0.0.0/33'], ['balancer'], '10.0.0.0/8']) {
    await put(wrong);
    await expect(loadSettings(home)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  }
  await put(['127.0.0.0/8', '::1']);
  const { edge: settings } = await loadSettings(home);
  const edge = new Edge(home, settings, createLogger('test', 'silent'));
  stops.push(() => edge.stop());
  const { port } = await edge.start(AbortSignal.timeout(20_000));
  const ask = async (before: string): Promise<string> => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.on('data', (d: Buffer) => (text += d.toString('latin1'))).on('error', () => undefined);
    socket.write(`${before}GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n`);
    await new Promise((closed) => socket.once('close', closed));
    return text;
  };
  expect(await ask('PROXY TCP4 192.0.2.1 10.0.0.1 5000 80\r\n')).toMatch(/^HTTP\/1.1 503 /);
  expect(await ask('')).toBe('');
});
