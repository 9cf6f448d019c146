import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { createLauncher } from '../../cluster-agent/index.js';
import { createLogger, packageRoot, type Exchange, type ShadowReport } from '../../common/index.js';
import { PushSource } from '../../shadow/capture/push-source.js';
import { reportSchema } from '../../shadow/report/schema.js';
import { runShadow } from '../../shadow/upgrade.js';
import { preparePlainArms } from './support/plain-arms.js';
import { fixtureRelease } from './support/variant.js';

/** With every field, and none of them read-only: what is left are the names and the types. */
type Whole<T> = T extends readonly (infer Item)[]
  ? Whole<Item>[]
  : T extends object
    ? { -readonly [K in keyof T]-?: Whole<Exclude<T[K], undefined>> }
    : T;

test('a real report has the shape that is described, with a difference in it', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'dharma-schema-'));
  const source = new PushSource();
  const run = await runShadow({
    upgrade: 'u1',
    workDir: join(dir, 'work'),
    old: await fixtureRelease(join(dir, 'old'), 'frail-app.mjs', false),
    new: await fixtureRelease(join(dir, 'new'), 'frail-app.mjs', true),
    live: {},
    exchanges: source,
    launcher: createLauncher(),
    log: createLogger('test', 'silent'),
    prepare: preparePlainArms,
  });
  try {
    await run.ready();
    const now = process.hrtime.bigint();
    const exchange: Exchange = {
      ...{ id: '0'.repeat(16), startedNs: now, firstByteNs: now, finishedNs: now, startedAt: Date.now() },
      ...{ endpoint: '*', node: 'n', client: '127.0.0.1:1', method: 'GET', target: '/crash', status: 200 },
      flags: {
        ...{ requestTruncated: false, responseTruncated: false, clientAborted: false },
        ...{ upstreamFailed: false, upgraded: false, retried: false, tls: false },
      },
      ...{ requestBodyLength: 0, responseBodyLength: 0, requestHeaders: [], responseHeaders: [] },
      ...{ requestBody: new Uint8Array(), responseBody: new Uint8Array() },
    };
    source.push({ kind: 'exchange', exchange });
    await run.drained();
    const report: unknown = JSON.parse(JSON.stringify(await run.report()));
    expect(reportSchema.parse(report)).toEqual(report);
    expect(reportSchema.parse(report).differences.length).toBeGreaterThan(0);
  } finally {
    await run.stop();
    await rm(dir, { recursive: true, force: true });
  }
});

test('the schema and the type are one', () => {
  expectTypeOf<Whole<z.output<typeof reportSchema>>>().toEqualTypeOf<Whole<ShadowReport>>();
});

test('docs/report.md names every field', () => {
  const page = readFileSync(join(packageRoot, 'docs', 'report.md'), 'utf8');
  const names = new Set<string>();
  const walk = (shape: unknown): void => {
    if (typeof shape !== 'object' || shape === null) return;
    const { properties } = shape as { properties?: Record<string, unknown> };
    for (const name of Object.keys(properties ?? {})) names.add(name);
    for (const part of Object.values(shape)) walk(part);
  };
  walk(z.toJSONSchema(reportSchema));
  expect(names.size).toBeGreaterThan(50);
  expect([...names].filter((name) => !new RegExp(`\`[^\`]*\\b${name}\\b[^\`]*\``).test(page))).toEqual([]);
});
