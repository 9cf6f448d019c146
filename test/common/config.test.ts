import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  clusterConfigSchema,
  DharmaError,
  endpointName,
  manifestSchema,
  parseConfig,
  readConfig,
  routePatternProblem,
} from '../../common/index.js';

function refusal(run: () => unknown): DharmaError {
  try {
    run();
  } catch (error) {
    if (error instanceof DharmaError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('a cluster config', () => {
  it('is complete when empty', () => {
    expect(parseConfig(clusterConfigSchema, {}, 'blue.json')).toMatchObject({
      nodes: 2,
      provider: 'local',
      reconfigure: 60_000,
      proxy: { workers: 1, telemetryInterval: 1000 },
    });
  });

  it('with a wrong key is refused, naming the key and the file', () => {
    const error = refusal(() => parseConfig(clusterConfigSchema, { proxy: { worker: 2 } }, 'blue.json'));
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toContain('proxy.worker');
    expect(error.message).toContain('blue.json');
    expect(error.exitCode).toBe(2);
  });

  it('with a wrong value says what was found and what is allowed', () => {
    const error = refusal(() =>
      parseConfig(clusterConfigSchema, { reconfigure: 'soon', nodes: 2.5 }, 'b.json'),
    );
    expect(error.message).toContain(
      'reconfigure: expected a duration such as "250ms", "60s", "5m", found "soon"',
    );
    expect(error.message).toContain('nodes: expected a whole number, found 2.5');
  });

  it('never shows the credentials of a URI it refuses', () => {
    const value = {
      name: 'shop',
      outbound: { X: 5, PAY: 'http//u:hunter2@x' },
      health: 'mongodb://u:hunter2@h/x',
    };
    expect(JSON.stringify(refusal(() => parseConfig(manifestSchema, value, 'dharma.json')))).not.toContain(
      'mongodb://u:hunter2',
    );
  });
});

describe('reading a config file', () => {
  it('tells a missing file, bad JSON and a bad document apart', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'dharma-config-'));
    try {
      const file = join(dir, 'c.json');
      await expect(readConfig(clusterConfigSchema, file)).rejects.toMatchObject({ code: 'CONFIG_NOT_FOUND' });
      await writeFile(file, '{"nodes": 2,}');
      await expect(readConfig(clusterConfigSchema, file)).rejects.toMatchObject({ code: 'CONFIG_NOT_JSON' });
      await writeFile(file, '[]');
      await expect(readConfig(clusterConfigSchema, file)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
      await writeFile(file, '{"nodes": 3}');
      await expect(readConfig(clusterConfigSchema, file)).resolves.toMatchObject({ nodes: 3 });
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});

describe('a route pattern', () => {
  it.each([
    '/',
    '/orders',
    '/orders/:id',
    '/orders/:id/items/:item',
    '/files/*path',
    '/a.b/c-d_e~',
    '/trailing/',
  ])('%s can be', (pattern) => {
    expect(routePatternProblem(pattern)).toBeUndefined();
  });

  it.each([
    '',
    'orders',
    '/a b',
    '/a?x',
    '/a#x',
    '/a//b',
    '/x:id',
    '/:',
    '/:1a',
    '/*rest/more',
    '/:id/:id',
    '/a*',
  ])('%j cannot be', (pattern) => {
    expect(routePatternProblem(pattern)).toBeTypeOf('string');
  });

  it('of plain literal segments always can be', () => {
    const segment = fc.stringMatching(/^[A-Za-z0-9._~-]+$/);
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1 }), (segments) => {
        expect(routePatternProblem(`/${segments.join('/')}`)).toBeUndefined();
      }),
    );
  });

  it('names its endpoint with the method where there is just one', () => {
    expect(endpointName({ pattern: '/o/:id', methods: ['GET'] })).toBe('GET /o/:id');
    expect(endpointName({ pattern: '/o/:id', methods: ['GET', 'PUT'] })).toBe('/o/:id');
    expect(endpointName({ pattern: '/o/:id', endpoint: 'order' })).toBe('order');
  });
});

it("an app's stub for a destination that it does not call out to is refused", () => {
  const stub = { destination: 'MAIL_URL', pattern: '/send' };
  const manifest = { name: 'shop', outbound: { PAY_URL: 'http://pay.example' }, stubs: [stub] };
  expect(refusal(() => parseConfig(manifestSchema, manifest, 'dharma.json'))).toMatchObject({
    message: expect.stringContaining('stubs') as string,
  });
  expect(JSON.stringify(refusal(() => parseConfig(manifestSchema, manifest, 'dharma.json')))).toContain(
    'PAY_URL',
  );
});

describe('a key that is not known', () => {
  it.each([
    ['at the top', { nodez: 1 }, clusterConfigSchema, /^x is not valid: nodez: one of .*\bnodes, .*found/],
    [
      'deep inside',
      { name: 'a', routes: [{ pattern: '/a', test: { path: '/a', expect: { stat: 1 } } }] },
      manifestSchema,
      /routes\[0\]\.test\.expect\.stat: one of status, contains, headers, found/,
    ],
  ])('%s is answered with those that are', (_where, value, schema, message) => {
    expect(refusal(() => parseConfig(schema, value, 'x')).message).toMatch(message);
  });
});
