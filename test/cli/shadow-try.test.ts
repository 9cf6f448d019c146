import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ShadowReport } from '../../common/index.js';
import { cli } from './support.js';

/** A release that its env breaks: the update is told by the version in its package.json. */
const APP = `
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));
if (version === process.env.BREAKS) throw new Error('no luck with ' + version);
createServer((request, response) => response.end('hello')).listen(process.env.PORT);
`;

let dir: string;
const file = (name: string): string => join(dir, name);
const tryIt = (to: string, ...more: string[]): ReturnType<typeof cli> =>
  cli(['shadow', 'try', '--app', dir, '--to', file(to), '--requests', file('requests.jsonl'), ...more]);

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'dharma-t-'));
  const packageFile = (version: string, more: object = {}): string =>
    JSON.stringify({ name: 'app', version, type: 'module', main: 'app.mjs', ...more });
  await writeFile(file('app.mjs'), APP);
  await writeFile(file('package.json'), packageFile('1.0.0'));
  await writeFile(file('same.json'), packageFile('1.0.0'));
  await writeFile(file('new.json'), packageFile('2.0.0'));
  await writeFile(
    file('missing.json'),
    packageFile('2.0.0', { dependencies: { none: 'file:./nowhere.tgz' } }),
  );
  await writeFile(file('broken.json'), '{"name":');
  await writeFile(file('requests.jsonl'), '{"path":"/a"}\n{"path":"/b"}\n');
});
afterAll(() => rm(dir, { recursive: true, force: true }));

describe('federate shadow try', () => {
  test('exits 0 where nothing differs', async () => {
    const { code, out } = await tryIt('same.json', '--json');
    expect(JSON.parse(out)).toMatchObject({ version: 1, verdict: 'identical', requests: 2 });
    expect(code).toBe(0);
  });

  test('writes the report as a page, for its owner alone, beside what it says', async () => {
    const { code } = await tryIt('same.json', '--html', file('report.html'));
    expect(code).toBe(0);
    expect(await readFile(file('report.html'), 'utf8')).toContain('>identical</h1>');
    expect((await stat(file('report.html'))).mode & 0o777).toBe(0o600);
  });

  test('says before it begins that a page cannot be written, or that an option does nothing', async () => {
    const nowhere = await tryIt('same.json', '--html', file('nowhere/report.html'), '--json');
    expect(nowhere.code).toBe(2);
    expect(nowhere.out + nowhere.err).toContain('PAGE_NOT_WRITABLE');
    const { code, err } = await tryIt('same.json', '--attribute-timeout', '5m');
    expect(code).toBe(2);
    expect(err).toContain('--attribute');
  });

  test('tells of a new release that does not start, with its log', async () => {
    const { code, out } = await tryIt('new.json', '--env', 'BREAKS=2.0.0', '--json');
    const report = JSON.parse(out) as ShadowReport;
    expect(report.verdict).toBe('differs');
    expect(report.differences[0]).toMatchObject({ where: 'start', risk: 'high' });
    expect(report.differences[0]!.examples[0]!.new).toContain('no luck with 2.0.0');
    expect(code).toBe(1);
  });

  test('never says "differs" by its exit code where it could not tell', async () => {
    // The release that runs does not start: that says nothing of the update.
    expect(await tryIt('new.json', '--env', 'BREAKS=1.0.0')).toMatchObject({ code: 3 });
    expect(await tryIt('missing.json')).toMatchObject({ code: 3 });
  });

  test.each(['nowhere.json', 'broken.json'])('names the package.json that is none: %s', async (name) => {
    const { code, err } = await tryIt(name);
    expect(err).toContain(file(name));
    expect(err.match(/^error:/gm)).toHaveLength(1);
    expect(code).toBe(2);
  });
});
