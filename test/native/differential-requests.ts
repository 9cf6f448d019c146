import fc from 'fast-check';

/** Weighted towards what is right, so that many get through and what is wrong stands out. */
const rarely = <T>(usual: fc.Arbitrary<T>, odd: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 12, arbitrary: usual }, { weight: 1, arbitrary: odd });
const pick = (...words: string[]): fc.Arbitrary<string> => fc.constantFrom(...words);

const method = rarely(
  pick('GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'),
  pick('get', 'PURGE', 'FOO', 'G-T', 'P0ST', 'G\tT', 'GET/', '', 'HEAD', 'CONNECT', 'TRACE', 'QUERY'),
);
const target = rarely(
  pick('/', '/a', '/a/b?c=d', '/%41', '/a;b', '/~x', 'http://test/x', 'http://test:81/'),
  pick(
    '*',
    'a',
    '//x',
    '/a b',
    '/\x7f',
    '/\xe9',
    '/#f',
    '/a#f',
    '/"',
    '/<>',
    '/\\',
    '/^',
    '/{|}',
    '/`',
    'http://u@test/',
    'http://test?x',
    '/?x#',
    '?x',
    'https://TEST/x',
    'ftp://test/',
  ),
);
const version = rarely(
  pick('HTTP/1.1'),
  pick(
    'HTTP/1.0',
    'HTTP/1.2',
    'HTTP/1.9',
    'HTTP/2.0',
    'HTTP/0.9',
    'http/1.1',
    'HTTP/1.10',
    'HTTP/01.1',
    'HTTP/1.1 ',
    'HTTP/1,1',
    'ICE/1.0',
    'RTSP/1.0',
    '',
  ),
);
const eol = fc.oneof(
  { weight: 150, arbitrary: pick('\r\n') },
  { weight: 1, arbitrary: pick('\n', '\r', '\r\r\n', '\n\r\n', ' \r\n', '\0\r\n') },
);
const colon = fc.oneof(
  { weight: 60, arbitrary: pick(': ', ':', ':\t', ':  ') },
  { weight: 1, arbitrary: pick(' : ', '\t:', ':\0', ':\x0b', ':\x0c ', '::', ';', '') },
);
const value = fc.oneof(
  { weight: 20, arbitrary: pick('a', 'a b', 'a, b', '"q"', '', 'a  ', '\xe9', 'a\tb') },
  { weight: 1, arbitrary: pick('a\0b', 'a\rb', 'a\nb', 'a\x7fb', 'a\x01', 'a\r\n b', 'a\r\n\tb', '\x0b') },
);
const field = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(pick('X-A', 'x-ab', 'X-A_b', 'Cookie', 'Accept', 'Content-Type'), colon, value)
      .map((p) => p.join('')),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        pick('Connection', 'CONNECTION'),
        colon,
        pick('keep-alive', 'x-a', 'upgrade', 'te', 'X-A, x-ab', 'keep-alive, x', 'a b', ','),
      )
      .map((p) => p.join('')),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(
        pick('Upgrade', 'Expect', 'TE', 'Trailer', 'Keep-Alive', 'Proxy-Connection', 'HTTP2-Settings'),
        colon,
        pick('h2c', 'websocket', '100-continue', 'trailers', 'x', ''),
      )
      .map((p) => p.join('')),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(
        pick(
          'Host',
          'host',
          'Host ',
          'X Y',
          'X(',
          '\xe9',
          'Content_Length',
          'Transfer_Encoding',
          'X-A\0',
          ' X-A',
          '\tX-A',
          '',
        ),
        colon,
        pick('test', 'other', 'a/b', 'a, b', 'u@h', ''),
      )
      .map((p) => p.join('')),
  },
);
const coding = fc.oneof(
  { weight: 10, arbitrary: pick('chunked') },
  {
    weight: 3,
    arbitrary: pick(
      'Chunked',
      'CHUNKED',
      'chunked ',
      'chunked\t',
      'identity',
      'gzip, chunked',
      'chunked, chunked',
      'chunked, identity',
      'xchunked',
      '"chunked"',
      '',
      ',chunked',
      'chunked,',
      '\x0bchunked',
      'chunked;a=b',
      ' chunked',
      'cow',
      'chunked\0',
      'gzip',
      'chunke',
      'chunked, ',
    ),
  },
);
const length = (n: number): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 12, arbitrary: fc.constant(String(n)) },
    {
      weight: 1,
      arbitrary: pick(
        `0${n}`,
        `+${n}`,
        `-${n}`,
        `${n}, ${n}`,
        `${n} ${n}`,
        `0x${n}`,
        `${n}.0`,
        `${n}e0`,
        '',
        `${n};`,
        `1_0`,
        `${n}\x0b`,
        '18446744073709551617',
        '9223372036854775808',
        `${n + 1}`,
        `${Math.max(0, n - 1)}`,
        `"${n}"`,
        `${n}\t`,
        ` ${n}`,
      ),
    },
  );

/** Bodies that hold a request, so that who ends them too early sees it. */
const payload = pick(
  '',
  'abc',
  'GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n',
  '0\r\n\r\n',
  'x'.repeat(300),
  '\r\n',
);
const size = (n: number): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 25, arbitrary: pick(n.toString(16), n.toString(16).toUpperCase(), `00${n.toString(16)}`) },
    {
      weight: 5,
      arbitrary: pick(
        `${n.toString(16)};a=b`,
        `${n.toString(16)};a`,
        `${n.toString(16)};a="b;c"`,
        `${n.toString(16)} ;a`,
        `${n.toString(16)}; a = b`,
      ),
    },
    {
      weight: 1,
      arbitrary: pick(
        `${n.toString(16)} `,
        ` ${n.toString(16)}`,
        `+${n.toString(16)}`,
        `-${n.toString(16)}`,
        `0x${n.toString(16)}`,
        '',
        `${n.toString(16)}\x0b`,
        `${n.toString(16)};\n`,
        `${n.toString(16)};"a`,
        `${(n + 1).toString(16)}`,
        `fffffffffffffffff${n.toString(16)}`,
        `${n.toString(16)},`,
        `${n.toString(16)}\t`,
        `${n.toString(16)};a\0`,
      ),
    },
  );
const chunk = payload
  .filter((p) => p !== '')
  .chain((p) => fc.tuple(size(p.length), eol, fc.constant(p), eol).map((parts) => parts.join('')));
const trailer = fc.array(
  field.filter((f) => !/^(te|trailer)/i.test(f)),
  { maxLength: 2 },
);
const chunkedBody = fc
  .tuple(
    fc.array(chunk, { maxLength: 3 }),
    rarely(pick('0'), pick('00', '0;a', '0;a=b', '-0', '+0', '0x0', '', '0 ', '000000000000000000')),
    eol,
    trailer,
    eol,
    eol,
  )
  .map(
    ([chunks, zero, end, fields, each, last]) =>
      `${chunks.join('')}${zero}${end}${fields.map((f) => f + each).join('')}${last}`,
  );

/** The framing fields and the body that goes with them. */
const framed = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ fields: [] as string[], body: '' }) },
  {
    weight: 4,
    arbitrary: payload.chain((p) =>
      length(p.length).map((n) => ({ fields: [`Content-Length: ${n}`], body: p })),
    ),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(coding, chunkedBody)
      .map(([te, body]) => ({ fields: [`Transfer-Encoding: ${te}`], body })),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(coding, chunkedBody, length(5), fc.boolean()).map(([te, body, n, first]) => ({
      fields: first
        ? [`Content-Length: ${n}`, `Transfer-Encoding: ${te}`]
        : [`Transfer-Encoding: ${te}`, `Content-Length: ${n}`],
      body,
    })),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(length(3), length(3))
      .map(([a, b]) => ({ fields: [`Content-Length: ${a}`, `content-length: ${b}`], body: 'abc' })),
  },
);

const host = rarely(
  pick('Host: test'),
  pick(
    '',
    'Host: test\r\nHost: other',
    'Host:',
    'Host: a b',
    'Host: test:x',
    'hOST: [::1]:80',
    'Host: a,b',
    'Host: te\tst',
    'Host: test:80',
  ),
);
const blank = fc.oneof(
  { weight: 20, arbitrary: pick('') },
  { weight: 1, arbitrary: pick('\r\n', '\n', '\r\n\r\n', ' ', '\0', '\r') },
);
const gap = fc.oneof(
  { weight: 60, arbitrary: pick(' ') },
  { weight: 1, arbitrary: pick('  ', '\t', '', '\x0b', '\r') },
);

interface Edit {
  readonly at: number;
  readonly kind: number;
  readonly byte: number;
}
const TELLING = Buffer.from('\0\r\n\t :;,0"/\x0b\x7f\x80\xff', 'latin1');

/** One byte put in, taken away, changed or repeated. */
function edit(bytes: Buffer, { at, kind, byte }: Edit): Buffer {
  const i = at % (bytes.length + 1);
  const telling = TELLING.subarray(byte % TELLING.length, (byte % TELLING.length) + 1);
  const rest = [bytes.subarray(i), bytes.subarray(i + 1)] as const;
  const between = [
    telling,
    Buffer.alloc(0),
    telling,
    Buffer.concat([bytes.subarray(i, i + 1), bytes.subarray(i, i + 1)]),
  ][kind]!;
  return Buffer.concat([bytes.subarray(0, i), between, kind === 0 ? rest[0] : rest[1]]);
}

const request = fc
  .tuple(
    blank,
    method,
    gap,
    target,
    gap,
    version,
    eol,
    host,
    fc.array(field, { maxLength: 4 }),
    framed,
    fc.array(eol, { minLength: 8, maxLength: 8 }),
    eol,
  )
  .map(([before, m, g1, t, g2, v, e, h, fields, { fields: framing, body }, ends, last]) => {
    const lines = [...(h === '' ? [] : [h]), ...fields, ...framing];
    return Buffer.from(
      `${before}${m}${g1}${t}${g2}${v}${e}${lines.map((l, i) => l + ends[i % 8]!).join('')}${last}${body}`,
      'latin1',
    );
  });

const edits = fc.oneof(
  { weight: 3, arbitrary: fc.constant([] as Edit[]) },
  {
    weight: 1,
    arbitrary: fc.array(fc.record({ at: fc.nat(100_000), kind: fc.nat(3), byte: fc.nat(255) }), {
      minLength: 1,
      maxLength: 2,
    }),
  },
);

/**
 * After a request to switch protocols Node's server takes what follows for no HTTP, even when it does not switch: there is
 * nothing to compare.
 */
const SWITCHES = /^connection:.*upgrade[^]*^upgrade:|^upgrade:[^]*^connection:.*upgrade/im;

/** Bytes of one or two requests, some of them malformed. */
export const requests: fc.Arbitrary<Buffer> = fc
  .tuple(fc.array(request, { minLength: 1, maxLength: 2 }), edits)
  .map(([all, changes]) => {
    let bytes: Buffer = Buffer.concat(all);
    for (const change of changes) bytes = edit(bytes, change);
    return bytes;
  })
  .filter((bytes) => !SWITCHES.test(bytes.toString('latin1')));
