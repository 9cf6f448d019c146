import { afterEach, describe, expect, it } from 'vitest';

import {
  ControlPeer,
  cleanUp,
  echo,
  exchange,
  get,
  lastGet,
  settled,
  startNode,
  startProxy,
  startRawNode,
  subscribe,
} from './proxy-harness.js';

afterEach(cleanUp);

const post = (head: string, body = ''): string => `POST / HTTP/1.1\r\nHost: test\r\n${head}\r\n${body}`;

/** What two readers could understand differently, or what is no HTTP/1.1: [what, bytes, status]. */
const refused: [string, string, number][] = [
  [
    'both Content-Length and Transfer-Encoding',
    post('Content-Length: 3\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
    400,
  ],
  [
    'Transfer-Encoding first, Content-Length after',
    post('Transfer-Encoding: chunked\r\nContent-Length: 3\r\n', '0\r\n\r\n'),
    400,
  ],
  ['two different Content-Lengths', post('Content-Length: 3\r\nContent-Length: 4\r\n', 'abcd'), 400],
  ['two equal Content-Lengths', post('Content-Length: 3\r\nContent-Length: 3\r\n', 'abc'), 400],
  ['a Content-Length list', post('Content-Length: 3, 3\r\n', 'abc'), 400],
  ['a signed Content-Length', post('Content-Length: +3\r\n', 'abc'), 400],
  ['a negative Content-Length', post('Content-Length: -3\r\n', 'abc'), 400],
  ['a hexadecimal Content-Length', post('Content-Length: 0x3\r\n', 'abc'), 400],
  ['an empty Content-Length', post('Content-Length:\r\n', 'abc'), 400],
  ['a Content-Length beyond 63 bits', post('Content-Length: 9223372036854775808\r\n', 'abc'), 400],
  ['a Content-Length that wraps 64 bits', post('Content-Length: 18446744073709551619\r\n', 'abc'), 400],
  ['chunked twice', post('Transfer-Encoding: chunked, chunked\r\n', '0\r\n\r\n'), 400],
  [
    'two Transfer-Encoding fields',
    post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
    400,
  ],
  ['chunked that is not last', post('Transfer-Encoding: chunked, identity\r\n', '0\r\n\r\n'), 400],
  ['a coding nobody knows', post('Transfer-Encoding: xchunked\r\n', '0\r\n\r\n'), 501],
  ['a quoted coding', post('Transfer-Encoding: "chunked"\r\n', '0\r\n\r\n'), 400],
  ['an empty Transfer-Encoding', post('Transfer-Encoding:\r\n', '0\r\n\r\n'), 400],
  ['a vertical tab in the coding', post('Transfer-Encoding: \x0bchunked\r\n', '0\r\n\r\n'), 400],
  ['a form feed in the coding', post('Transfer-Encoding: \x0cchunked\r\n', '0\r\n\r\n'), 400],
  ['a NUL behind the coding', post('Transfer-Encoding: chunked\0\r\n', '0\r\n\r\n'), 400],
  [
    'a length that is no number, beside a coding',
    post('Content-Length: x\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
    400,
  ],
  ['binary rubbish', '\x00\xff\xfe\x80\x01\r\n\r\n', 400],
  ['a method without end', `${'A'.repeat(100_000)} / HTTP/1.1\r\nHost: a\r\n\r\n`, 414],
  ['a field name over the limit', post(`${'X'.repeat(70_000)}: a\r\n`), 431],
  ['a slash as overlong UTF-8', 'GET /\xc0\xaf HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  [
    'Transfer-Encoding in HTTP/1.0',
    'POST / HTTP/1.0\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    400,
  ],
  ['white space before the colon', post('Content-Length : 3\r\n', 'abc'), 400],
  ['a tab before the colon', post('Transfer-Encoding\t: chunked\r\n', '0\r\n\r\n'), 400],
  ['Content-Length with an underscore', post('Content-Length: 3\r\nContent_Length: 9\r\n', 'abc'), 400],
  ['Transfer-Encoding with an underscore', post('TRANSFER_ENCODING: chunked\r\n', '0\r\n\r\n'), 400],
  ['a leading comma in the coding', post('Transfer-Encoding: ,chunked\r\n', '0\r\n\r\n'), 400],
  ['a coding with a parameter', post('Transfer-Encoding: chunked;a=b\r\n', '0\r\n\r\n'), 501],
  ['two words in the coding', post('Transfer-Encoding: cow chunked bar\r\n', '0\r\n\r\n'), 501],
  [
    'two codings in two fields',
    post('Transfer-Encoding: cow\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
    400,
  ],
  ['a folded coding', post('Transfer-Encoding:\r\n chunked\r\n', '0\r\n\r\n'), 400],
  ['a Content-Length of two numbers', post('Content-Length: 3 4\r\n', 'abcd'), 400],
  ['a Content-Length with an underscore between digits', post('Content-Length: 1_0\r\n', '0123456789'), 400],
  ['a Content-Length with a fraction', post('Content-Length: 3.0\r\n', 'abc'), 400],
  ['an empty expectation', post('Expect:\r\nContent-Length: 3\r\n', 'abc'), 417],
  ['a space in a field name', post('Transfer Encoding: chunked\r\n', '0\r\n\r\n'), 400],
  ['an empty field name', post(': x\r\n'), 400],
  ['a line without a colon', post('nonsense\r\n'), 400],
  ['obsolete line folding', post('X-A: b\r\n c\r\n'), 400],
  ['a folded first field', 'GET / HTTP/1.1\r\n Host: test\r\n\r\n', 400],
  ['a NUL in a value', post('X-A: b\0c\r\n'), 400],
  ['a bare CR in a value', post('X-A: b\rX-B: c\r\n'), 400],
  ['a bare LF at the end of a field', post('X-A: b\nX-B: c\r\n'), 400],
  ['a bare LF after the start line', 'GET / HTTP/1.1\nHost: test\r\n\r\n', 400],
  ['bare LFs throughout', 'GET / HTTP/1.1\nHost: test\n\n', 400],
  ['a control character in a name', post('X\x01A: b\r\n'), 400],
  ['a byte above ASCII in a name', post('X\xe9A: b\r\n'), 400],
  ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400],
  ['two Hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n', 400],
  ['an empty Host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n', 400],
  ['a Host with a path', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n', 400],
  ['a Host with user info', 'GET / HTTP/1.1\r\nHost: u@a\r\n\r\n', 400],
  ['a Host list', 'GET / HTTP/1.1\r\nHost: a, b\r\n\r\n', 400],
  ['a Host with a bad port', 'GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n', 400],
  ['a target without a slash', 'GET x HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['a fragment in the target', 'GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['a space in the target', 'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['a byte above ASCII in the target', 'GET /\xe9 HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['two spaces in the start line', 'GET  / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['a tab in the start line', 'GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['white space before the method', ' GET / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['white space after the version', 'GET / HTTP/1.1 \r\nHost: a\r\n\r\n', 400],
  ['HTTP/0.9', 'GET /\r\n\r\n', 400],
  ['a lower-case version', 'GET / http/1.1\r\nHost: a\r\n\r\n', 400],
  ['HTTP/2 prior knowledge', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505],
  ['an asterisk with GET', 'GET * HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['CONNECT', 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n', 501],
  ['an absolute target with a bad authority', 'GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['an expectation nobody knows', post('Expect: tea\r\nContent-Length: 3\r\n', 'abc'), 417],
  ['TLS on a plain port', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
  ['more fields than allowed', get('/', 'X-A: b\r\n'.repeat(101)), 431],
  ['a head over the limit', get('/', `X-A: ${'b'.repeat(70_000)}\r\n`), 431],
  ['a target over the limit', get(`/${'a'.repeat(70_000)}`), 414],
];

describe('requests that are refused', () => {
  it.each(refused)('%s', async (_, bytes, status) => {
    let forwarded = '';
    const node = await startRawNode((socket) =>
      socket.on('data', (d) => (forwarded += d.toString('latin1'))),
    );
    const proxy = await startProxy([node.node]);
    const answer = await exchange(proxy.at, Buffer.from(bytes + get('/smuggled'), 'latin1'));
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer).toContain('\r\nConnection: close\r\n');
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(forwarded).toBe('');
  });

  /** Around "Transfer-Encoding: chunked", beside a length: if one reader takes it for the coding, the other must not. */
  it('hold whatever byte beside a disguised coding', async () => {
    let forwarded = '';
    const node = await startRawNode((socket) =>
      socket.on('data', (d) => {
        forwarded += d.toString('latin1');
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
      }),
    );
    const proxy = await startProxy([node.node]);
    const bytes = [...Array(256).keys()]
      .filter((b) => b < 0x20 || b >= 0x7f)
      .map((b) => String.fromCharCode(b));
    const fields = bytes.flatMap((b) => [
      `Transfer-Encoding:${b}chunked`,
      `Transfer-Encoding${b}: chunked`,
      `${b}Transfer-Encoding: chunked`,
      `Transfer-Encoding: chunked${b}`,
      `X: X${b}Transfer-Encoding: chunked`,
    ]);
    const passed: string[] = [];
    const ask = async (field: string): Promise<void> => {
      const request = `${post(`${field}\r\nContent-Length: 5\r\nConnection: close\r\n`, '0\r\n\r\n')}`;
      const answer = await exchange(proxy.at, Buffer.from(request + get('/smuggled'), 'latin1'));
      if (!/^HTTP\/1\.1 (400|501) /.test(answer)) passed.push(field);
      expect(answer.match(/HTTP\/1\.1 \d/g)).toHaveLength(1);
    };
    while (fields.length > 0) await Promise.all(fields.splice(0, 64).map(ask));
    // A value may hold obs-text and tabs (RFC 9110 5.5): these are values of X, and of nothing else.
    const text = bytes.filter((b) => b === '\t' || b >= '\x80');
    expect(passed.sort()).toEqual(text.map((b) => `X: X${b}Transfer-Encoding: chunked`).sort());
    expect(forwarded).not.toContain('smuggled');
  });

  it('count as glitches', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node]);
    const peer = await subscribe(proxy, {});
    const counted = peer.telemetry((t) => t.glitches > 0);
    await exchange(proxy.at, 'rubbish\r\n\r\n');
    expect((await counted).glitches).toBe(1);
  });
});

/** Chunked bodies that break the rules once the head has been forwarded. */
const badChunks: [string, string][] = [
  ['a size that is no number', 'z\r\nabc\r\n0\r\n\r\n'],
  ['an empty size', '\r\nabc\r\n0\r\n\r\n'],
  ['a signed size', '+3\r\nabc\r\n0\r\n\r\n'],
  ['a 0x size', '0x3\r\nabc\r\n0\r\n\r\n'],
  ['white space after the size', '3 \r\nabc\r\n0\r\n\r\n'],
  ['white space before the size', ' 3\r\nabc\r\n0\r\n\r\n'],
  ['a bare LF after the size', '3\nabc\r\n0\r\n\r\n'],
  ['a bare LF in an extension', '3;a\nabc\r\n0\r\n\r\n'],
  ['data longer than its size', '3\r\nabcd\r\n0\r\n\r\n'],
  ['a bare LF after the data', '3\r\nabc\n0\r\n\r\n'],
  ['a size beyond 60 bits', 'fffffffffffffffff\r\nabc\r\n0\r\n\r\n'],
  ['an extension without a name', '3;\r\nabc\r\n0\r\n\r\n'],
  ['an extension with a bracket', '3;bad[=x\r\nabc\r\n0\r\n\r\n'],
  ['an extension with white space', '3; a = b\r\nabc\r\n0\r\n\r\n'],
  ['an extension whose quote stays open', '3;a="b\r\nabc\r\n0\r\n\r\n'],
  ['a NUL in an extension', '3;\0a\r\nabc\r\n0\r\n\r\n'],
  ['a bare CR in an extension', '3;a\rX\r\nabc\r\n0\r\n\r\n'],
  ['a bare CR after the size', '3\rabc\r\n0\r\n\r\n'],
  ['a size with an underscore', '1_0\r\nabc\r\n0\r\n\r\n'],
  ['a signed last chunk', '3\r\nabc\r\n+0\r\n\r\n'],
  ['data shorter than its size', '5\r\nabc\r\n0\r\n\r\nGET'],
  ['an endless extension', `3;${'a'.repeat(300)}\r\nabc\r\n0\r\n\r\n`],
  ['a trailer without a colon', '3\r\nabc\r\n0\r\nnonsense\r\n\r\n'],
  ['a bare LF in the trailers', '3\r\nabc\r\n0\r\nX-A: b\n\r\n'],
];

describe('chunked bodies that are refused', () => {
  it.each(badChunks)('%s', async (_, body) => {
    let complete = false;
    const node = await startNode((request, response) => {
      request.on('data', () => undefined);
      request.on('error', () => undefined);
      request.on('end', () => {
        complete = true;
        response.end('ok');
      });
    });
    const proxy = await startProxy([node.node]);
    const peer = await subscribe(proxy, {});
    const answer = await exchange(proxy.at, post('Transfer-Encoding: chunked\r\n', body) + get('/smuggled'));
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(complete).toBe(false);
    expect((await settled(peer)).waitSumNs).toBe(0n);
  });
});

describe('lengths that are taken', () => {
  it('reach the node in one form only', async () => {
    const node = await startNode((request, response) => {
      request.resume().on('end', () => response.end(request.headers['content-length']));
    });
    const proxy = await startProxy([node.node]);
    for (const length of ['3', '003', ' 3', '3\t', '3 \t ']) {
      const answer = await exchange(
        proxy.at,
        post(`Connection: close\r\nContent-Length:${length}\r\n`, 'abc'),
      );
      expect(answer).toMatch(/\r\n3(\r\n0\r\n\r\n)?$/);
    }
  });

  it('end bodies of GET, OPTIONS and DELETE as well, and what follows is the next request', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node]);
    const inner = 'GET /inner HTTP/1.1\r\nHost: test\r\n\r\n';
    for (const method of ['GET', 'OPTIONS', 'DELETE', 'HEAD']) {
      const before = node.requests;
      const answer = await exchange(
        proxy.at,
        `${method} /outer HTTP/1.1\r\nHost: test\r\nContent-Length: ${inner.length}\r\n\r\n${inner}${lastGet('/next')}`,
      );
      expect(node.requests - before).toBe(2);
      expect(answer).toContain('"url":"/next"');
      expect(answer).not.toContain('"url":"/inner"');
    }
    // Of length 0: what follows is no body.
    expect(await exchange(proxy.at, post('Content-Length: 0\r\n', inner.replace('GET', 'X GET')))).toMatch(
      /HTTP\/1\.1 400 /,
    );
  });
});

/** Answers of a node that cannot be trusted. */
const badAnswers: [string, string][] = [
  ['both lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['two Content-Lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd'],
  ['a folded field', 'HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 0\r\n\r\n'],
  ['a bare LF', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n'],
  ['no status', 'HTTP/1.1 \r\n\r\n'],
  ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
  ['no HTTP at all', 'SSH-2.0-OpenSSH_9.2\r\n'],
  [
    'a switch nobody asked for',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
  ],
  ['nothing', ''],
];

describe('answers that are refused', () => {
  it.each(badAnswers)('%s', async (_, bytes) => {
    const node = await startRawNode((socket) => socket.on('data', () => socket.end(bytes)));
    const proxy = await startProxy([node.node]);
    const peer = await subscribe(proxy, {});
    expect(await exchange(proxy.at, lastGet('/'))).toMatch(/^HTTP\/1\.1 502 /);
    expect((await settled(peer)).waitSumNs).toBe(0n);
    expect(peer.totals('app-1')).toMatchObject({ count: 1, errors: 1 });
  });

  it('an answer cut in the middle is not passed off as whole', async () => {
    const node = await startRawNode((socket) =>
      socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc')),
    );
    const proxy = await startProxy([node.node]);
    const peer = await subscribe(proxy, {});
    const answer = await exchange(proxy.at, get('/'));
    expect(answer).not.toContain('502');
    expect(answer.length === 0 || answer.endsWith('abc')).toBe(true);
    await settled(peer);
    expect(peer.totals('app-1')).toMatchObject({ count: 1, errors: 1 });
  });
});

describe('the control socket', () => {
  it('cuts off a peer that sends rubbish, and goes on', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node]);
    const rude = new ControlPeer(proxy.controlPath);
    rude.socket.write('GET / HTTP/1.1\r\n\r\n');
    await new Promise((closed) => rude.socket.once('close', closed));
    expect(await exchange(proxy.at, lastGet('/'))).toMatch(/^HTTP\/1\.1 200 /);
    await subscribe(proxy, {});
  });
});
