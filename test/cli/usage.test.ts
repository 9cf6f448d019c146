import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COMMANDS } from '../../federator/cli/commands/index.js';
import { cli } from './support.js';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'dharma-u-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));
const at = (...argv: string[]): string[] => [...argv, '--home', dir];

describe('every command', () => {
  test.each(COMMANDS.map((command) => command.name))(
    '%s has help with an example, on stdout',
    async (name) => {
      const { code, out, err } = await cli([...name.split(' '), '--help']);
      expect(code).toBe(0);
      expect(out).toContain(`Usage: federate ${name}`);
      expect(out).toMatch(/Example:\n {2}\$ federate /);
      expect(out).toContain('--json');
      expect(err).toBe('');
    },
  );
});

describe('wrong usage exits 2, with one error and its remedy', () => {
  test.each([
    [['frobnicate'], "unknown command 'frobnicate'"],
    [['shadow', 'begin'], "unknown command 'begin'"],
    [['status', '--frob'], "unknown option '--frob'"],
    [['add-cluster', 'blue'], "required option '--config <file>' not specified"],
    [['deploy'], "deploy brings the app's folder or --assets"],
    [['deploy', 'shop', '--assets', 'a'], "deploy brings the app's folder or --assets"],
    [['deploy', 'shop', '--cluster', 'blue'], '--cluster says which cluster --config or --size is for'],
    [['up', '--edge-port', '99999'], '--edge-port: expected a whole number from 0 to 65535'],
    [['promote', '--rollback-window', 'soon'], '--rollback-window: expected a duration'],
    [['shadow', 'accept', 'd1'], "required option '--reason <text>' not specified"],
    [['shadow', 'start'], 'an update changes something'],
    [['shadow', 'start', '--cron', 'nightly', '--update', 'x'], 'a cron is rehearsed on what runs'],
    [['shadow', 'start', '--env', '1=2'], '--env: expected NAME=VALUE'],
    [
      ['shadow', 'start', '--update', 'x', '--no-attribute', '--attribute-timeout', '1m'],
      '--attribute-timeout says how long to do what --no-attribute leaves out',
    ],
    [['shadow', 'start', '--arms', '3x3', '--update', 'x'], 'is invalid'],
  ])('federate %j', async (argv, message) => {
    const { code, out, err } = await cli(at(...argv));
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(err).toContain(message);
    expect(err.match(/^error:/gm)).toHaveLength(1);
    expect(err).toMatch(/^do: {4}\S/m);
  });

  test('with --json the error is JSON on stdout, and nothing else is', async () => {
    const { code, out } = await cli(at('add-cluster', 'blue', '--json'));
    expect(code).toBe(2);
    expect(JSON.parse(out)).toMatchObject({
      error: { code: 'USAGE', remedy: 'See: federate add-cluster --help' },
    });
  });

  test('a home whose path is too long for sockets is refused', async () => {
    const { code, err } = await cli(['status', '--home', `/tmp/${'x'.repeat(90)}`]);
    expect(code).toBe(2);
    expect(err).toContain('too many for the sockets');
  });
});

describe('a config file is checked before anything is asked of the federation', () => {
  test.each([
    ['{"nods": 2}', 'nods', 2],
    ['{"nodes": "two"}', 'nodes', 2],
    ['{"nodes": 2', 'is not JSON', 2],
    [undefined, 'cannot read', 2],
  ])('%s', async (content, named, exit) => {
    const file = join(dir, 'cluster.json');
    await rm(file, { force: true });
    if (content !== undefined) await writeFile(file, content);
    const { code, err } = await cli(at('add-cluster', 'blue', '--config', file));
    expect(code).toBe(exit);
    expect(err).toContain(named);
    expect(err).toContain(file);
  });

  test('the name too', async () => {
    const { code, err } = await cli(at('add-cluster', 'Blue', '--config', join(dir, 'none.json')));
    expect(code).toBe(2);
    expect(err).toContain('expected a name');
  });
});

describe('without a federation', () => {
  test.each([
    'status',
    'promote --yes',
    'rollback --yes',
    'shadow status',
    'shadow report',
    'shadow stop',
    'migrate',
  ])('federate %s says how to start one', async (line) => {
    const { code, out } = await cli(at(...line.split(' '), '--json'));
    // Of a report, 1 says that it differs.
    expect(code).toBe(line === 'shadow report' ? 3 : 1);
    expect(JSON.parse(out)).toMatchObject({ error: { code: 'NOT_RUNNING' } });
  });

  test('down has nothing to do', async () => {
    expect(await cli(at('down'))).toMatchObject({ code: 0, out: '' });
  });

  test('doctor looks at this machine and names a fix for all that is missing', async () => {
    const { code, out } = await cli(at('doctor', '--json'));
    const { checks } = JSON.parse(out) as { checks: { check: string; state: string; fix?: string }[] };
    expect(checks.map(({ check }) => check)).toEqual(
      expect.arrayContaining([
        'node',
        'compiler',
        'dharma-proxy',
        'redis',
        'mongo',
        'jail',
        'port-edge',
        'home',
        'disk',
      ]),
    );
    for (const { state, fix } of checks) expect(fix === undefined).toBe(state === 'ok');
    expect(code).toBe(checks.every(({ state }) => state === 'ok') ? 0 : 3);
  });
});
