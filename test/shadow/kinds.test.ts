import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLauncher } from '../../cluster-agent/index.js';
import { createLogger, type ShadowReport } from '../../common/index.js';
import { tryUpgrade } from '../../shadow/try/try-upgrade.js';
import { preparePlainArms, startTestRedis } from './support/plain-arms.js';
import { fixedReleases, fixtureRelease } from './support/variant.js';

interface Line {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly capture?: Record<string, string>;
}

const jsonType = { 'content-type': 'application/json' };
const formType = { 'content-type': 'application/x-www-form-urlencoded' };
const post = (path: string, more: Partial<Line> = {}): Line => ({ method: 'POST', path, ...more });
const item = (name: string): Line =>
  post('/items', { headers: jsonType, body: JSON.stringify({ name }), capture: { [name]: '$.id' } });

/** What no update may be blamed for. */
const NOISE: readonly Line[] = [
  ...Array.from({ length: 6 }, (): Line => ({ path: '/noise' })),
  { path: '/page', capture: { csrf: 'regex:name="csrf" value="([^"]+)"' } },
  { path: '/page' },
  post('/form', { headers: formType, body: 'a=1&csrf={{csrf}}' }),
  post('/login', { capture: { jwt: '$.token' } }),
  { path: '/me', headers: { authorization: 'Bearer {{jwt}}' } },
  post('/otp', { capture: { code: '$.code' } }),
  post('/otp/verify', { headers: jsonType, body: '{"code":"{{code}}"}' }),
  item('one'),
  item('two'),
  item('three'),
  item('four'),
  { path: '/items/{{two}}' },
  { path: '/items', capture: { cursor: '$.next' } },
  { path: '/items?cursor={{cursor}}' },
  post('/items/{{three}}', {
    headers: { 'content-type': 'multipart/form-data; boundary=BB' },
    body: '--BB\r\ncontent-disposition: form-data; name="id"\r\n\r\n{{three}}\r\n--BB--\r\n',
  }),
  ...Array.from({ length: 4 }, (): Line => ({ path: '/race' })),
  ...Array.from({ length: 4 }, (): Line => ({ path: '/limit' })),
  { path: '/zip' },
  { path: '/etag', capture: { etag: 'header:etag' } },
  { path: '/etag', headers: { 'if-none-match': '{{etag}}' } },
  post('/seq', { capture: { n: '$.id' } }),
  { path: '/seq/{{n}}' },
  post('/session', { capture: { sid: 'cookie:sid' } }),
  { path: '/session', headers: { cookie: 'sid={{sid}}' } },
  post('/audit'),
  post('/audit'),
];

/** What the new release does otherwise, and where the report must say so. */
const CHANGES: readonly (Line & { readonly where: string })[] = [
  { path: '/order-only', where: 'body:$.list' },
  { ...post('/ttl-only'), where: 'state:redis:cache:a#ttl' },
  { path: '/header-only', where: 'header:cache-control' },
  { path: '/random-prefix', where: 'body:$.id' },
  { path: '/random-length', where: 'body:$.id' },
  { path: '/random-format', where: 'body:$.id' },
  { ...post('/jwt-claim'), where: 'body:$.token' },
  { ...post('/cookie-attribute'), where: 'header:set-cookie' },
  { path: '/html-attribute', where: 'body:/html[0]/body[0]/a[1]/@rel' },
  { path: '/key-order', where: 'body' },
  { path: '/encoding', headers: { 'accept-encoding': 'gzip' }, where: 'header:content-encoding' },
  { ...post('/member'), where: 'state:redis:tags.set.blue' },
  { ...post('/call'), where: 'egress:OUTBOUND_URL POST /hook headers.x-version' },
  { path: '/redirect', where: 'status' },
  { path: '/retyped', where: 'body:$.count' },
  { path: '/missing', where: 'body:$.etc' },
  { path: '/text', where: 'body:[1]' },
];

describe('kinds of noise and of change', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'dharma-kinds-'));
  });
  afterAll(async () => {
    await rm(dir, { recursive: true, force: true });
  });

  async function run(name: string, lines: readonly Line[], sameRelease: boolean): Promise<ShadowReport> {
    const old = await fixtureRelease(join(dir, name, 'old'), 'kinds-app.mjs', false);
    const fresh = await fixtureRelease(join(dir, name, 'new'), 'kinds-app.mjs', !sameRelease);
    const requestsFile = join(dir, name, 'requests.jsonl');
    await writeFile(requestsFile, lines.map((line) => JSON.stringify(line)).join('\n'));
    return tryUpgrade({
      appDir: old.dir,
      newPackageFile: join(fresh.dir, 'package.json'),
      requestsFile,
      workDir: join(dir, name, 'work'),
      releases: fixedReleases(old, fresh),
      launcher: createLauncher(),
      startStores: async (storeDir) => {
        const redis = await startTestRedis(storeDir);
        return { redis: redis.uri.replace('unix://', ''), close: () => redis.close() };
      },
      determinism: false,
      log: createLogger('test', 'error'),
      signal: AbortSignal.timeout(100_000),
      prepare: preparePlainArms,
    });
  }

  it('says of a release and itself that they are identical', async () => {
    const changes = CHANGES.map(({ where: _, ...line }) => line);
    const report = await run('same', [...NOISE, ...changes], true);
    expect(report.differing).toEqual([]);
    expect(report.verdict).toBe('identical');
    expect(report.ledger).toMatchObject({
      compared: NOISE.length + CHANGES.length,
      unbound: 0,
      unanswered: 0,
    });
  });

  it('finds each change, and nothing else', async () => {
    const lines = [...NOISE, ...CHANGES.map(({ where: _, ...line }) => line)];
    const report = await run('changed', lines, false);
    const found = report.differing.map(({ request, where }) => `${request} ${where}`);
    for (const [i, { where }] of CHANGES.entries()) expect(found).toContain(`${NOISE.length + i} ${where}`);
    const requests = new Set(report.differing.map(({ request }) => request));
    expect([...requests]).toEqual(CHANGES.map((_, i) => NOISE.length + i));
    expect(report.ledger).toMatchObject({ unbound: 0, unanswered: 0 });
  });
});
