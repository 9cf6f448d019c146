import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';

import {
  ControlPeer,
  cleanUp,
  echo,
  eventually,
  exchange,
  lastGet,
  startNode,
  startProxy,
  startRawNode,
  temporaryFolder,
} from './proxy-harness.js';
import { ca, caFile, pair, pems, type Certificate } from './tls-files.js';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  await cleanUp();
  for (const close of closers.splice(0)) await close();
});

interface SecureNode {
  node: { name: string; address: string; port: number; tls: boolean; serverName?: string };
  names: (string | false | null)[];
  connections: number;
}

/** A node that speaks HTTPS as the certificate's owner. */
async function startSecureNode(
  certificate: Certificate,
  handler: RequestListener,
  more: TlsOptions = {},
): Promise<SecureNode> {
  const server = createServer({ ...pems(certificate), keepAliveTimeout: 60_000, ...more }, handler);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sockets = new Set<TLSSocket>();
  const { port } = server.address() as AddressInfo;
  const started: SecureNode = {
    node: { name: certificate, address: '127.0.0.1', port, tls: true },
    names: [],
    connections: 0,
  };
  server.on('tlsClientError', () => undefined);
  server.on('secureConnection', (socket: TLSSocket) => {
    started.connections++;
    started.names.push((socket as TLSSocket & { servername: string | false }).servername);
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  closers.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((done) => server.close(() => done()));
  });
  return started;
}

describe('TLS towards nodes', () => {
  it('verifies the address or the name, and keeps connections', async () => {
    const node = await startSecureNode('node', echo);
    const proxy = await startProxy([node.node], { upstreamTls: { ca: caFile } });
    for (let i = 0; i < 3; i++) expect(await exchange(proxy.at, lastGet(`/${i}`))).toMatch(/^HTTP\/1.1 200/);
    expect(node.connections).toBe(1);
    const peer = new ControlPeer(proxy.controlPath);
    const named = { ...node.node, serverName: 'node.test' };
    // Verified otherwise: what was pooled is not used any more.
    expect(await peer.configure(1, { ...proxy.config, nodes: [named] })).toMatchObject({ ok: true });
    expect(await exchange(proxy.at, lastGet('/'))).toMatch(/^HTTP\/1.1 200/);
    expect(node.connections).toBe(2);
    expect(node.names).toEqual([false, 'node.test']);
  });

  it('refuses a node of another CA, of another name, and one that speaks no TLS, and says why', async () => {
    const cases: [Certificate, string | undefined, RegExp][] = [
      ['stranger', undefined, /unable to get local issuer certificate/],
      ['node', 'other.test', /[Hh]ostname mismatch/],
      ['b', undefined, /IP address mismatch/],
    ];
    for (const [certificate, serverName, why] of cases) {
      const node = await startSecureNode(certificate, echo);
      const wanted = serverName === undefined ? node.node : { ...node.node, serverName };
      const proxy = await startProxy([wanted], { upstreamTls: { ca: caFile } });
      expect(await exchange(proxy.at, lastGet('/'))).toMatch(/^HTTP\/1.1 502/);
      await eventually(() => proxy.stderr.includes('TLS with node') || undefined);
      expect(proxy.stderr).toMatch(why);
    }
    const plain = await startNode(echo);
    const proxy = await startProxy([{ ...plain.node, tls: true }], { upstreamTls: { ca: caFile } });
    expect(await exchange(proxy.at, lastGet('/'))).toMatch(/^HTTP\/1.1 502/);
    expect(plain.requests).toBe(0);
  });

  it('goes on to a node that can be verified', async () => {
    const stranger = await startSecureNode('stranger', echo);
    const node = await startSecureNode('node', echo);
    const proxy = await startProxy([stranger.node, node.node], { upstreamTls: { ca: caFile } });
    for (let i = 0; i < 6; i++) expect(await exchange(proxy.at, lastGet('/'))).toMatch(/^HTTP\/1.1 200/);
    expect(stranger.connections).toBe(0);
  });

  it('shows its certificate to a node that asks for one', async () => {
    const seen: unknown[] = [];
    const node = await startSecureNode(
      'node',
      (request, response) => {
        seen.push((request.socket as TLSSocket).getPeerCertificate().subject.CN);
        response.end('ok');
      },
      { requestCert: true, rejectUnauthorized: true, ca },
    );
    const folder = await temporaryFolder();
    const own = { ca: caFile, ...(await pair(folder, 'client')) };
    const proxy = await startProxy([node.node], { upstreamTls: own });
    expect(await exchange(proxy.at, lastGet('/'))).toMatch(/^HTTP\/1.1 200/);
    expect(seen).toEqual(['client']);
    const without = await startProxy([node.node], { upstreamTls: { ca: caFile } });
    expect(await exchange(without.at, lastGet('/'))).toMatch(/^HTTP\/1.1 502/);
    expect(seen).toHaveLength(1);
  });

  it('chains two proxies that verify each other', async () => {
    const node = await startNode(echo);
    const folder = await temporaryFolder();
    const inner = await startProxy([node.node], {
      listen: [{ address: '127.0.0.1', port: 0, tls: true }],
      tls: { certificates: [await pair(folder, 'node')], clientCa: caFile },
    });
    const cluster = { name: 'inner', address: '127.0.0.1', port: inner.at, tls: true };
    const outer = await startProxy([cluster], {
      upstreamTls: { ca: caFile, ...(await pair(folder, 'client')) },
    });
    for (let i = 0; i < 3; i++) {
      const body = 'x'.repeat(100_000);
      const head = `POST /${i} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`;
      const answer = await exchange(outer.at, head + body);
      expect(answer).toContain(body);
    }
    expect(node.connections).toBe(1);
  });

  it('takes an answer that ends with the connection for whole only after close_notify', async () => {
    const answer = 'HTTP/1.1 200 OK\r\n\r\nuntil the end';
    const run = async (end: (socket: TLSSocket) => void): Promise<string> => {
      const server = createTlsServer(pems('node'), (socket) => {
        socket.on('error', () => undefined);
        socket.once('data', () => end(socket));
      });
      server.on('tlsClientError', () => undefined);
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      closers.push(() => new Promise<void>((done) => server.close(() => done())));
      const { port } = server.address() as AddressInfo;
      const node = { name: 'node', address: '127.0.0.1', port, tls: true };
      const proxy = await startProxy([node], { upstreamTls: { ca: caFile } });
      return exchange(proxy.at, lastGet('/'));
    };
    expect(await run((socket) => socket.end(answer))).toMatch(/until the end\r\n0\r\n\r\n$/);
    // The raw connection ends below TLS: anybody on the way could have cut it.
    const cut = await run((socket) => {
      socket.write(answer, () => socket.destroy());
    });
    expect(cut).not.toMatch(/0\r\n\r\n$/);
  });

  it('gives up a handshake that the node does not go on with', async () => {
    const silent = await startRawNode(() => undefined);
    const proxy = await startProxy([{ ...silent.node, tls: true }], {
      upstreamTls: { ca: caFile },
      limits: { connectTimeout: 150 },
    });
    expect(await exchange(proxy.at, lastGet('/'))).toMatch(/^HTTP\/1.1 504/);
  });

  it('uses a kept connection whose node closed it no more', async () => {
    const node = await startSecureNode('node', (request, response) => {
      response.end('ok');
      if (request.url === '/last') setImmediate(() => request.socket.destroy());
    });
    const proxy = await startProxy([node.node], { upstreamTls: { ca: caFile } });
    for (const path of ['/last', '/a', '/last', '/b'])
      expect(await exchange(proxy.at, lastGet(path))).toMatch(/^HTTP\/1.1 200/);
  });
});
