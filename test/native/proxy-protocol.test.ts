import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectPlain } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';

import {
  cleanUp,
  closedOf,
  delay,
  echo,
  eventually,
  exchange,
  get,
  lastGet,
  open,
  startNode,
  startProxy,
  startRawNode,
  subscribe,
  temporaryFolder,
  type ProxyConfig,
} from './proxy-harness.js';
import { ca, pair } from './tls-files.js';

const opened: { destroy(): unknown }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) one.destroy();
  await cleanUp();
});

const listen = (more: ProxyConfig = {}): ProxyConfig[] => [
  { address: '127.0.0.1', port: 0, proxyProtocol: ['127.0.0.0/8'], ...more },
];
const V1 = 'PROXY TCP4 192.0.2.7 10.0.0.1 5000 443\r\n';

/** A header of version 2: command, family and transport, what follows. */
function v2(command: number, family: number, block: readonly number[]): string {
  const head = [command, family, block.length >> 8, block.length & 255];
  return `\r\n\r\n\0\r\nQUIT\n${String.fromCharCode(...head, ...block)}`;
}
const ends6 = [0x20, 1, 0xd, 0xb8, ...Array<number>(11).fill(0), 7, ...Array<number>(15).fill(0), 1];
const V2 = v2(0x21, 0x21, [...ends6, 0x13, 0x88, 1, 0xbb, 2, 0, 4, 0x61, 0x2e, 0x62, 0x63]);

type Headers = Record<string, string>;
const headersOf = (answer: string): Headers =>
  (JSON.parse(answer.slice(answer.indexOf('{'))) as { headers: Headers }).headers;
const ask = async (port: number, before: string, more = ''): Promise<Headers> =>
  headersOf(await exchange(port, Buffer.from(before + lastGet('/', more), 'latin1')));

describe('the address a PROXY header tells', () => {
  it.each([
    ['version 1', V1, '192.0.2.7', '192.0.2.7:5000', '192.0.2.7'],
    ['version 2 with TLVs', V2, '2001:db8::7', '[2001:db8::7]:5000', '"[2001:db8::7]"'],
  ])('is the client’s everywhere: %s', async (_, header, address, name, node) => {
    const app = await startNode(echo);
    const proxy = await startProxy([app.node], { listen: listen(), capture: { enabled: true } });
    const peer = await subscribe(proxy, { exchanges: true });
    const headers = await ask(proxy.at, header);
    expect(headers['x-forwarded-for']).toBe(address);
    expect(headers['forwarded']).toBe(`for=${node};host="test";proto=http`);
    expect((await peer.exchanges(1))[0]!.client).toBe(name);
  });

  it('decides what is believed: not the balancer’s own, which vouches for addresses only', async () => {
    const app = await startNode(echo);
    const proxy = await startProxy([app.node], { listen: listen(), trusted: ['127.0.0.0/8', '192.0.2.8'] });
    const claim = 'X-Forwarded-For: 6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n';
    const told = async (header: string): Promise<string | undefined> =>
      (await ask(proxy.at, header, claim))['x-forwarded-for'];
    expect(await told(V1)).toBe('192.0.2.7');
    expect(await told('PROXY TCP4 192.0.2.8 10.0.0.1 1 2\r\n')).toBe('6.6.6.6, 192.0.2.8');
    // Passed on for somebody: not the balancer speaks.
    expect(await told('PROXY UNKNOWN\r\n')).toBe('127.0.0.1');
    expect(await told(v2(0x21, 0, []))).toBe('127.0.0.1');
    // The balancer itself.
    expect(await told(v2(0x20, 0, []))).toBe('6.6.6.6, 127.0.0.1');
  });

  it('holds for every request of the connection, and a second header is no request', async () => {
    const app = await startNode(echo);
    const proxy = await startProxy([app.node], { listen: listen() });
    const answers = await exchange(proxy.at, V1 + get('/1') + get('/2') + V1 + get('/3'));
    expect(answers.match(/"x-forwarded-for":"[^"]*"/g)).toEqual(
      Array(2).fill('"x-forwarded-for":"192.0.2.7"'),
    );
    expect(answers).toMatch(/HTTP\/1.1 400 /);
    expect(app.requests).toBe(2);
  });

  it('is read whole however it is cut', async () => {
    const app = await startNode(echo);
    const proxy = await startProxy([app.node], { listen: listen() });
    for (const header of [V1, V2]) {
      const socket = await open(proxy.at);
      socket.setNoDelay(true);
      for (const byte of header) {
        socket.write(Buffer.from(byte, 'latin1'));
        await delay(1);
      }
      const closed = closedOf(socket);
      socket.write(lastGet('/'));
      await closed;
      expect(headersOf(socket.received())['x-forwarded-for']).toMatch(/7$/);
    }
  });
});

describe('TLS behind a PROXY header', () => {
  /** A connection that begins with a header, in one packet with the first bytes of TLS. */
  async function dial(port: number, alpn: string): Promise<TLSSocket> {
    const plain = connectPlain(port, '127.0.0.1');
    plain.on('error', () => undefined);
    plain.cork();
    plain.write(V1);
    const socket = connectTls({ socket: plain, ca, servername: 'b.test', ALPNProtocols: [alpn] });
    process.nextTick(() => plain.uncork());
    opened.push(socket, plain);
    await once(socket, 'secureConnect');
    return socket;
  }

  it('carries HTTP/1.1 and HTTP/2', async () => {
    const app = await startNode(echo);
    const proxy = await startProxy([app.node], {
      listen: listen({ tls: true }),
      tls: { certificates: [await pair(await temporaryFolder(), 'b')] },
    });
    const one = await dial(proxy.at, 'http/1.1');
    let text = '';
    one.on('data', (d: Buffer) => (text += d.toString('latin1')));
    one.write(lastGet('/'));
    await once(one, 'end');
    expect(headersOf(text)['forwarded']).toBe('for=192.0.2.7;host="test";proto=https');

    const socket = await dial(proxy.at, 'h2');
    const session = connectHttp2('https://b.test', { createConnection: () => socket });
    opened.push(session);
    const request = session.request({ ':path': '/', ':authority': 'test', 'x-forwarded-for': '6.6.6.6' });
    text = '';
    request.setEncoding('utf8').on('data', (d: string) => (text += d));
    await once(request, 'end');
    expect(headersOf(text)['forwarded']).toBe('for=192.0.2.7;host="test";proto=https');
  });
});

describe('a PROXY header that does not come', () => {
  const bad: [string, string][] = [
    ['a request at once', get('/')],
    ['a malformed line', 'PROXY TCP4 192.0.2.7 10.0.0.1 5000\r\n'],
    ['a line without an end', `PROXY UNKNOWN ${'a'.repeat(200)}`],
    ['a bare LF', V1.replace('\r\n', '\n')],
    ['an unknown command', v2(0x22, 0, [])],
    ['a block that is too short', v2(0x21, 0x11, [1, 2, 3, 4])],
    ['a TLV that reaches too far', v2(0x21, 0, [4, 0, 9, 1])],
    ['more than 4 KiB', v2(0x20, 0, Array<number>(5000).fill(0))],
    ['TLS at once', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ];
  it.each(bad)('ends the connection without an answer: %s', async (_, bytes) => {
    let forwarded = '';
    const app = await startRawNode((socket) => socket.on('data', (d) => (forwarded += d.toString())));
    const proxy = await startProxy([app.node], { listen: listen() });
    const peer = await subscribe(proxy, {});
    const counted = peer.telemetry((t) => t.glitches > 0);
    expect(await exchange(proxy.at, Buffer.from(bytes + get('/smuggled'), 'latin1'))).toBe('');
    expect(forwarded).toBe('');
    expect((await counted).glitches).toBe(1);
  });

  it('is waited for no longer than for a head, and an end in the middle is an end', async () => {
    const app = await startNode(echo);
    const proxy = await startProxy([app.node], { listen: listen(), limits: { headerTimeout: 100 } });
    const silent = await open(proxy.at);
    const slow = await open(proxy.at);
    slow.write(V1.slice(0, 20));
    await Promise.all([closedOf(silent), closedOf(slow)]);
    const cut = await open(proxy.at);
    const closed = closedOf(cut);
    cut.end(V1.slice(0, 20));
    await closed;
    expect(silent.received() + slow.received() + cut.received()).toBe('');
  });
});

describe('an address that no listen names for the PROXY protocol', () => {
  it('is a client of itself, and cannot name another', async () => {
    const app = await startNode(echo);
    const proxy = await startProxy([app.node], {
      listen: listen({ proxyProtocol: ['10.0.0.0/8', 'fd00::/8'] }),
    });
    expect((await ask(proxy.at, ''))['x-forwarded-for']).toBe('127.0.0.1');
    for (const header of [V1, V2]) {
      const answer = await exchange(proxy.at, Buffer.from(header + get('/'), 'latin1'));
      expect(answer).toMatch(/^HTTP\/1.1 400 /);
    }
    expect(app.requests).toBe(1);
  });

  it('may become one at a reload, for new connections', async () => {
    const app = await startNode(echo);
    const proxy = await startProxy([app.node], { listen: listen({ proxyProtocol: [] }) });
    expect((await ask(proxy.at, ''))['x-forwarded-for']).toBe('127.0.0.1');
    await proxy.reload({ listen: listen() });
    const address = await eventually(async () => {
      const answer = await exchange(proxy.at, V1 + lastGet('/'));
      return answer.includes('HTTP/1.1 200') ? headersOf(answer)['x-forwarded-for'] : undefined;
    });
    expect(address).toBe('192.0.2.7');
  });
});
