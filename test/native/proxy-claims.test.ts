import type { ClientHttp2Session } from 'node:http2';
import { connect } from 'node:http2';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';

import { cleanUp, echo, exchange, lastGet, startNode, startProxy } from './proxy-harness.js';

const sessions: ClientHttp2Session[] = [];
afterEach(async () => {
  for (const session of sessions.splice(0)) session.destroy();
  await cleanUp();
});

type Headers = Record<string, string>;
const headersOf = (text: string): Headers => (JSON.parse(text) as { headers: Headers }).headers;

async function byHttp1(port: number, fields: Headers): Promise<Headers> {
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  const answer = await exchange(port, lastGet('/', lines.join('')));
  return headersOf(answer.slice(answer.indexOf('\r\n\r\n') + 4));
}

async function byHttp2(port: number, fields: Headers): Promise<Headers> {
  const session = connect(`http://127.0.0.1:${port}`);
  sessions.push(session);
  const request = session.request({ ':path': '/', ':authority': 'test', ...fields });
  let text = '';
  request.setEncoding('utf8').on('data', (d: string) => (text += d));
  await once(request, 'end');
  return headersOf(text);
}

/** Spellings of what only a proxy may say; the last three are read as the others by CGI and its kin. */
const claims: Headers = {
  Forwarded: 'for=6.6.6.6;host=evil;proto=https',
  'X-Forwarded': 'for=6.6.6.6',
  'X-Forwarded-For': '6.6.6.6',
  'X-Forwarded-Host': 'evil',
  'X-Forwarded-Proto': 'https',
  'X-Forwarded-Port': '666',
  'X-Forwarded-Server': 'evil',
  'X-Forwarded-Prefix': '/evil',
  'X-Real-IP': '6.6.6.6',
  'X-Client-IP': '6.6.6.6',
  'True-Client-IP': '6.6.6.6',
  'CF-Connecting-IP': '6.6.6.6',
  'X-Original-URL': '/evil',
  'X-Rewrite-URL': '/evil',
  'Front-End-Https': 'on',
  Proxy: 'http://evil',
  X_Forwarded_For: '6.6.6.6',
  'X-Forwarded_For': '6.6.6.6',
  X_Real_IP: '6.6.6.6',
};
const WRITTEN = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto'];

describe.each([
  ['HTTP/1.1', byHttp1],
  ['HTTP/2', byHttp2],
] as const)('claims of who asks, by %s', (_, ask) => {
  const listen = [{ address: '127.0.0.1', port: 0, http2: true }];

  it('are the proxy’s own where nobody trusts the client', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node], { listen });
    const headers = await ask(proxy.at, { ...claims, 'X-Kept': '1' });
    expect(headers).toMatchObject({
      forwarded: 'for=127.0.0.1;host="test";proto=http',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': 'test',
      'x-forwarded-proto': 'http',
      'x-kept': '1',
    });
    const others = Object.keys(claims)
      .map((name) => name.toLowerCase())
      .filter((name) => !WRITTEN.includes(name));
    for (const name of others) expect(headers).not.toHaveProperty(name);
    expect(JSON.stringify(headers)).not.toMatch(/evil|6\.6\.6\.6|666/);
  });

  it('are extended where the client is trusted', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node], { listen, trusted: ['127.0.0.0/8'] });
    const headers = await ask(proxy.at, {
      Forwarded: 'for="[2001:db8::1]";host=shop;proto=https',
      'X-Forwarded-Port': '443',
      'X-Real-IP': '1.2.3.4',
      X_Real_IP: '6.6.6.6',
      Proxy: 'http://evil',
    });
    expect(headers).toMatchObject({
      forwarded: 'for="[2001:db8::1]";host=shop;proto=https, for=127.0.0.1;host="test";proto=http',
      'x-forwarded-for': '2001:db8::1, 127.0.0.1',
      'x-forwarded-host': 'shop',
      'x-forwarded-proto': 'https',
      'x-forwarded-port': '443',
      'x-real-ip': '1.2.3.4',
    });
    expect(headers).not.toHaveProperty('x_real_ip');
    expect(headers).not.toHaveProperty('proxy');
  });

  it('a trusted proxy’s client does not speak through the form the proxy left alone', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node], { listen, trusted: ['127.0.0.0/8'] });
    const headers = await ask(proxy.at, {
      'X-Forwarded-For': '1.2.3.4',
      Forwarded: 'for=6.6.6.6;host=evil;proto=https',
    });
    expect(headers['forwarded']).toBe(
      'for=1.2.3.4;host="test";proto=http, for=127.0.0.1;host="test";proto=http',
    );
  });
});

it('a Connection field takes no claim away', async () => {
  const node = await startNode(echo);
  const proxy = await startProxy([node.node], { trusted: ['127.0.0.0/8'] });
  const answer = await exchange(
    proxy.at,
    'GET / HTTP/1.1\r\nHost: test\r\nConnection: close, forwarded, x-real-ip\r\nX-Real-IP: 1.2.3.4\r\nForwarded: for=1.2.3.4\r\n\r\n',
  );
  expect(headersOf(answer.slice(answer.indexOf('\r\n\r\n') + 4))).toMatchObject({
    'x-real-ip': '1.2.3.4',
    forwarded: 'for=1.2.3.4, for=127.0.0.1;host="test";proto=http',
  });
});
