import { once } from 'node:events';
import { chmod, copyFile, readFile, writeFile } from 'node:fs/promises';
import { request as httpsRequest } from 'node:https';
import { connect as connectPlain, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';

import { exchangeFlags } from '../../common/frames/index.js';
import {
  ControlPeer,
  cleanUp,
  closedOf,
  echo,
  eventually,
  exchange,
  get,
  lastGet,
  open,
  runProxy,
  settled,
  startNode,
  startProxy,
  startRawNode,
  subscribe,
  temporaryFolder,
  type Proxy,
  type ProxyConfig,
} from './proxy-harness.js';
import { ca, caFile, pair, pems } from './tls-files.js';

const sockets: TLSSocket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await cleanUp();
});

const secure = [{ address: '127.0.0.1', port: 0, tls: true }];

/** A proxy with TLS towards clients; `more` may override. */
async function startSecure(
  nodes: Parameters<typeof startProxy>[0],
  more: ProxyConfig = {},
): Promise<Proxy & { at: number; keys: string }> {
  const keys = await temporaryFolder();
  const tls = { certificates: [await pair(keys, 'a'), await pair(keys, 'b')] };
  const proxy = await startProxy(nodes, { listen: secure, tls, ...more });
  return Object.assign(proxy, { keys });
}

type Client = TLSSocket & { received: () => string; session: Buffer[]; reused: boolean };

/** A TLS connection whose handshake has succeeded; rejects when it fails. */
async function dial(port: number, more: ConnectionOptions = {}): Promise<Client> {
  const socket = connect({ port, host: '127.0.0.1', ca, servername: 'a.test', ...more });
  let text = '';
  const session: Buffer[] = [];
  socket.on('data', (d: Buffer) => (text += d.toString('latin1')));
  socket.on('session', (s: Buffer) => session.push(s));
  sockets.push(socket);
  await once(socket, 'secureConnect');
  socket.on('error', () => undefined);
  return Object.assign(socket, { received: () => text, session, reused: socket.isSessionReused() });
}

const failure = async (port: number, more: ConnectionOptions = {}): Promise<string> => {
  try {
    const socket = await dial(port, more);
    // In TLS 1.3 a client learns only after its handshake that it was refused.
    const refused = once(socket, 'error').then(([e]) => e as Error);
    const closed = closedOf(socket).then(() => new Error('closed'));
    throw await Promise.race([refused, closed]);
  } catch (error) {
    return `${(error as { code?: string }).code ?? ''} ${(error as Error).message}`;
  }
};

/** Asks once and reads until the connection ends. */
async function ask(port: number, more: ConnectionOptions = {}): Promise<Client> {
  const socket = await dial(port, more);
  const closed = closedOf(socket);
  socket.write(lastGet('/x'));
  await closed;
  return socket;
}

describe('TLS towards clients', () => {
  it('serves requests one after the other, and says https to the node', async () => {
    const node = await startNode(echo);
    const proxy = await startSecure([node.node]);
    const socket = await dial(proxy.at);
    socket.write(get('/1') + get('/2'));
    await eventually(() => (socket.received().match(/"url"/g)?.length === 2 ? true : undefined));
    const closed = closedOf(socket);
    socket.write(lastGet('/3'));
    await closed;
    expect(socket.received().match(/"url":"\/\d"/g)).toEqual(['"url":"/1"', '"url":"/2"', '"url":"/3"']);
    expect(socket.received()).toContain('"x-forwarded-proto":"https"');
    expect(node.connections).toBe(1);
  });

  it('picks the certificate by the name asked for, and the first one for any other', async () => {
    const node = await startNode(echo);
    const proxy = await startSecure([node.node]);
    const subject = async (servername: string): Promise<string> => {
      const socket = await dial(proxy.at, { servername, checkServerIdentity: () => undefined });
      return String(socket.getPeerCertificate().subject.CN);
    };
    expect(await subject('a.test')).toBe('a');
    expect(await subject('b.test')).toBe('b');
    expect(await subject('B.Test')).toBe('b');
    expect(await subject('deep.w.test')).toBe('a');
    expect(await subject('unknown.test')).toBe('a');
    expect(await subject('')).toBe('a');
  });

  it('speaks TLS 1.2 and 1.3 and nothing older, and only http/1.1 or h2 where the client has a list', async () => {
    const node = await startNode(echo);
    const proxy = await startSecure([node.node], { listen: [{ ...secure[0], http2: false }] });
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const socket = await ask(proxy.at, { minVersion: version, maxVersion: version });
      expect(socket.received()).toMatch(/^HTTP\/1.1 200/);
    }
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    expect(await failure(proxy.at, old)).toMatch(/ALERT|PROTOCOL/i);
    expect((await dial(proxy.at, { ALPNProtocols: ['h2', 'http/1.1'] })).alpnProtocol).toBe('http/1.1');
    expect((await dial(proxy.at)).alpnProtocol).toBe(false);
    expect(await failure(proxy.at, { ALPNProtocols: ['spdy/3'] })).toMatch(/no.application.protocol/i);
  });

  it('resumes sessions by ticket, in both versions, also in another worker', async () => {
    const node = await startNode(echo);
    const proxy = await startSecure([node.node], { workers: 2 });
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const first = await ask(proxy.at, { maxVersion });
      expect(first.reused).toBe(false);
      for (let i = 0; i < 4; i++) {
        const again = await ask(proxy.at, { maxVersion, session: first.session[0] });
        expect(again.reused).toBe(true);
        expect(again.received()).toMatch(/^HTTP\/1.1 200/);
      }
    }
  });

  it('takes other certificates at run time, and keeps the old when one is at fault', async () => {
    const node = await startNode(echo);
    const proxy = await startSecure([node.node]);
    const peer = new ControlPeer(proxy.controlPath);
    const before = await dial(proxy.at);
    const only = async (name: 'a2' | 'b'): Promise<ProxyConfig> => ({
      ...proxy.config,
      tls: { certificates: [await pair(proxy.keys, name)] },
    });
    expect(await peer.configure(1, await only('b'))).toMatchObject({ ok: true });
    const after = await dial(proxy.at, { servername: 'b.test' });
    expect(after.getPeerCertificate().subject.CN).toBe('b');
    // What was open goes on.
    before.write(get('/old'));
    await eventually(() => before.received().includes('/old') || undefined);

    const bad = await only('a2');
    const { key } = (bad['tls'] as { certificates: { key: string }[] }).certificates[0]!;
    await chmod(key, 0o644);
    expect(await peer.configure(2, bad)).toMatchObject({
      ok: false,
      path: 'tls.certificates[0].key',
      message: expect.stringContaining('chmod 600') as string,
    });
    await copyFile(join(proxy.keys, 'b.key'), key);
    await chmod(key, 0o600);
    expect(await peer.configure(3, bad)).toMatchObject({ ok: false, path: 'tls.certificates[0].key' });
    expect((await dial(proxy.at, { servername: 'b.test' })).getPeerCertificate().subject.CN).toBe('b');
    // The same paths with new contents are read again.
    await pair(proxy.keys, 'a2');
    expect(await peer.configure(4, bad)).toMatchObject({ ok: true });
    expect((await dial(proxy.at)).getPeerCertificate().subject.CN).toBe('a2');
  });

  it('carries bodies much larger than its buffers, both ways, against a slow reader', async () => {
    const node = await startNode((request, response) => {
      request.pipe(response);
    });
    const proxy = await startSecure([node.node]);
    const size = 24 * 1024 * 1024;
    const sent = Buffer.alloc(size, 'dharma ');
    const answer = await new Promise<Buffer>((resolve, reject) => {
      const options = {
        port: proxy.at,
        host: '127.0.0.1',
        servername: 'a.test',
        ca,
        method: 'POST',
        agent: false,
      };
      const request = httpsRequest({ ...options, headers: { 'content-length': size } }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (d: Buffer) => {
          chunks.push(d);
          if (chunks.length % 64 !== 0) return;
          response.pause();
          setImmediate(() => response.resume());
        });
        response.on('end', () => resolve(Buffer.concat(chunks)));
        response.on('error', reject);
      });
      request.on('error', reject);
      request.end(sent);
    });
    expect(answer.equals(sent)).toBe(true);
  });

  it('holds a bounded part of what a client does not read', async () => {
    let written = 0;
    const node = await startRawNode((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      const more = (): void => {
        while (socket.writable && socket.write(Buffer.alloc(65536))) written += 65536;
        socket.once('drain', more);
      };
      socket.once('data', more);
    });
    const proxy = await startSecure([node.node]);
    const socket = await dial(proxy.at);
    socket.pause();
    socket.write(get('/endless'));
    // It stops growing: the kernel's buffers and ours are full.
    let last = -1;
    await eventually(async () => {
      const same = written === last && written > 0;
      last = written;
      await new Promise((done) => setTimeout(done, 200));
      return same || undefined;
    });
    const status = await readFile(`/proc/${proxy.child.pid}/status`, 'utf8');
    const kilobytes = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
    if (process.env['DHARMA_PROXY'] === undefined) expect(kilobytes).toBeLessThan(32 * 1024);
  });

  it('ends its side with close_notify, and an answer that was cut short without it', async () => {
    const whole = await startRawNode((socket) => {
      socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\nall of it'));
    });
    const proxy = await startSecure([whole.node]);
    const socket = await dial(proxy.at);
    const ended = once(socket, 'end');
    socket.write(lastGet('/'));
    await ended;
    expect(socket.received()).toContain('all of it');

    let hangUp = (): void => undefined;
    const broken = await startRawNode((s) => {
      hangUp = () => s.destroy();
      s.on('data', () => s.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart'));
    }, 'app-2');
    const peer = new ControlPeer(proxy.controlPath);
    expect(await peer.configure(1, { ...proxy.config, nodes: [broken.node] })).toMatchObject({ ok: true });
    // Node tells a TLS client of no reset: what the proxy does is seen below TLS.
    const relay = createServer((client) => {
      const inner = connectPlain({ port: proxy.at, host: '127.0.0.1' });
      client.pipe(inner).pipe(client);
      client.on('error', () => undefined);
      inner.on('error', (error: NodeJS.ErrnoException) => relay.emit('reset', error.code));
      inner.on('end', () => relay.emit('reset', 'an orderly end'));
    });
    relay.listen(0, '127.0.0.1');
    await once(relay, 'listening');
    const reset = once(relay, 'reset');
    const cut = await dial((relay.address() as AddressInfo).port);
    cut.write(lastGet('/'));
    // A reset that comes together with data is an end to Node.
    await eventually(() => cut.received().includes('part') || undefined);
    hangUp();
    expect(await reset).toEqual(['ECONNRESET']);
    cut.destroy();
    relay.close();
  });

  it('ends a handshake that does not come to its end in time', async () => {
    const node = await startNode(echo);
    const proxy = await startSecure([node.node], { limits: { headerTimeout: 200 } });
    const silent = await open(proxy.at);
    const half = await open(proxy.at);
    half.write(Buffer.from('1603010200010001fc0303', 'hex'));
    await Promise.all([closedOf(silent), closedOf(half)]);
  });

  it('is told of in the records of what came by it, and of that only', async () => {
    const node = await startNode(echo);
    const keys = await temporaryFolder();
    const tls = { certificates: [await pair(keys, 'a')] };
    const clear = { address: '127.0.0.1', port: 0 };
    for (const [listen, flags] of [
      [secure[0], exchangeFlags.tls],
      [clear, 0],
    ] as const) {
      const proxy = await startProxy([node.node], { listen: [listen], tls, capture: { enabled: true } });
      const peer = await subscribe(proxy, { exchanges: true });
      await (flags === 0 ? exchange(proxy.at, lastGet('/')) : ask(proxy.at));
      expect((await peer.exchanges(1))[0]).toMatchObject({ status: 200, flags });
    }
  });

  it('counts what is no TLS as a glitch and ends it', async () => {
    const node = await startNode(echo);
    const proxy = await startSecure([node.node]);
    const peer = await subscribe(proxy, {});
    const glitch = peer.telemetry(({ glitches }) => Number(glitches) > 0);
    const answer = await exchange(proxy.at, get('/plain'));
    expect(answer).not.toContain('HTTP/1.1 200');
    await glitch;
    expect(node.requests).toBe(0);
  });

  it('counts and settles whatever clients do with their connections', async () => {
    const node = await startNode((request, response) => {
      request.resume();
      setTimeout(() => response.end('late'), 20);
    });
    const proxy = await startSecure([node.node]);
    const peer = await subscribe(proxy, {});
    for (let i = 0; i < 20; i++) {
      const socket = await dial(proxy.at);
      socket.write(get('/'));
      if (i % 2) socket.end();
      else socket.destroy();
    }
    expect(Number((await settled(peer)).waitSumNs)).toBe(0);
  });

  it('asks clients for a certificate where clientCa says so', async () => {
    const node = await startNode(echo);
    const keys = await temporaryFolder();
    const tls = { certificates: [await pair(keys, 'a')], clientCa: caFile };
    const proxy = await startProxy([node.node], { listen: secure, tls });
    expect((await ask(proxy.at, pems('client'))).received()).toMatch(/^HTTP\/1.1 200/);
    expect(await failure(proxy.at)).toMatch(/CERTIFICATE_REQUIRED|certificate required|closed/i);
    expect(await failure(proxy.at, pems('stranger'))).toMatch(/UNKNOWN_CA|unknown ca|closed/i);
    expect(node.requests).toBe(1);
  });
});

describe('a listen that redirects', () => {
  const listen = [{ address: '127.0.0.1', port: 0, redirectPort: 443 }];

  it('sends every request to https, and answers the challenges of the config', async () => {
    const node = await startNode(echo);
    const acme = [{ token: 'tok-1_A', answer: 'tok-1_A.thumb' }];
    const proxy = await startProxy([node.node], { listen, acme });
    expect(await exchange(proxy.at, lastGet('/a/b?c=d'))).toMatch(
      /^HTTP\/1.1 308 [^]*\r\nLocation: https:\/\/test\/a\/b\?c=d\r\n/,
    );
    const withPort = `GET / HTTP/1.1\r\nHost: [::1]:8080\r\nConnection: close\r\n\r\n`;
    expect(await exchange(proxy.at, withPort)).toContain('\r\nLocation: https://[::1]/\r\n');
    const challenge = '/.well-known/acme-challenge/';
    const answered = await exchange(proxy.at, lastGet(`${challenge}tok-1_A`));
    expect(answered).toMatch(/^HTTP\/1.1 200 [^]*\r\n\r\ntok-1_A.thumb\n$/);
    expect(await exchange(proxy.at, lastGet(`${challenge}tok-1_B`))).toMatch(/^HTTP\/1.1 308 /);
    expect(await exchange(proxy.at, 'GET / HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /);

    const peer = new ControlPeer(proxy.controlPath);
    const next = { ...proxy.config, acme: [], listen: [{ ...listen[0], redirectPort: 8443 }] };
    expect(await peer.configure(1, next)).toMatchObject({ ok: true });
    expect(await exchange(proxy.at, lastGet(`${challenge}tok-1_A`))).toContain(
      `\r\nLocation: https://test:8443${challenge}tok-1_A\r\n`,
    );
    expect(node.requests).toBe(0);
  });

  it('keeps the connection for a request with a body only as far as it was read', async () => {
    const proxy = await startProxy([], { listen });
    const socket = connectPlain({ port: proxy.at, host: '127.0.0.1' });
    let text = '';
    socket.on('data', (d: Buffer) => (text += d.toString()));
    const closed = closedOf(socket);
    socket.write('POST /form HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\nGET /evil');
    await closed;
    expect(text.match(/HTTP\/1.1/g)).toHaveLength(1);
    expect(text).toContain('\r\nConnection: close\r\n');
  });
});

describe('a config for TLS', () => {
  const check = async (config: ProxyConfig): Promise<string> => {
    const proxy = await startProxy([]);
    const peer = new ControlPeer(proxy.controlPath);
    const ack = await peer.configure(1, { ...proxy.config, ...config });
    return ack.ok ? 'ok' : `${ack.path}: ${ack.message}`;
  };

  it('is refused with the path of what is wrong', async () => {
    const certificate = '/absent.pem';
    const key = '/absent.key';
    expect(await check({ listen: secure })).toBe('listen[0].tls: needs tls.certificates');
    expect(await check({ tls: {} })).toMatch(/^tls.certificates: required/);
    expect(await check({ tls: { certificates: [{ certificate }] } })).toBe(
      'tls.certificates[0].key: required',
    );
    expect(await check({ tls: { certificates: [{ certificate: 'x', key }] } })).toMatch(
      /^tls.certificates\[0\].certificate: found "x", expected an absolute path/,
    );
    expect(await check({ tls: { certificates: [{ certificate, key }] } })).toMatch(
      /^tls.certificates\[0\].certificate: \/absent.pem: No such file/,
    );
    expect(await check({ upstreamTls: { ca: certificate } })).toMatch(/^upstreamTls.ca: /);
    expect(await check({ upstreamTls: { key } })).toBe('upstreamTls.certificate: required with a key');
    expect(await check({ acme: [{ token: '../x', answer: 'y' }] })).toMatch(/^acme\[0\].token: /);
    const { certificate: real, key: realKey } = await pair(await temporaryFolder(), 'a');
    expect(await check({ tls: { certificates: [{ certificate: real, key: realKey }] } })).toBe('ok');
    expect(
      await check({ listen: secure, tls: { certificates: [{ certificate: real, key: realKey }] } }),
    ).toBe('listen[0]: cannot change while the proxy runs: restart it');
  });

  it('is checked with its files by --check', async () => {
    const folder = await temporaryFolder();
    const { certificate, key } = await pair(folder, 'a');
    const file = join(folder, 'proxy.json');
    await writeFile(file, JSON.stringify({ listen: secure, tls: { certificates: [{ certificate, key }] } }));
    expect((await runProxy(['--config', file, '--check'])).code).toBe(0);
    await chmod(key, 0o604);
    const refused = await runProxy(['--config', file, '--check']);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('tls.certificates[0].key');
  });
});
