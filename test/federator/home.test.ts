import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Home } from '../../federator/home/home.js';
import { lockHolder, takeLock } from '../../federator/home/lock.js';
import { portOwner } from '../../federator/home/port-owner.js';
import {
  endProcesses,
  identify,
  processesWithEnv,
  stillRuns,
} from '../../federator/home/process-identity.js';
import { loadSettings } from '../../federator/home/settings.js';
import { temporaryHome } from './support/federation.js';

let home: Home;
let remove: () => Promise<void>;
beforeEach(async () => {
  ({ home, remove } = await temporaryHome());
});
afterEach(() => remove());

describe('the lock of a home', () => {
  test('goes to one, and is free again when that one gives it back', async () => {
    const lock = await takeLock(home);
    expect(lock).toBeDefined();
    expect((await lockHolder(home))?.pid).toBe(process.pid);
    expect(await takeLock(home)).toBeUndefined();
    await lock?.release();
    expect(await lockHolder(home)).toBeUndefined();
    expect(await readdir(home.runDir)).toEqual([]);
  });

  test.each([
    ['of a process that has gone', JSON.stringify({ pid: 2 ** 22 - 1, startTime: '1', boot: 'other' })],
    ['of an earlier process with our pid', JSON.stringify({ ...identify(process.pid), startTime: '1' })],
    ['that was cut short by a crash', '{"pid": 1'],
  ])('%s is taken over', async (_what, content) => {
    await writeFile(home.lockFile, content);
    expect(await lockHolder(home)).toBeUndefined();
    const lock = await takeLock(home);
    expect(lock).toBeDefined();
    await lock?.release();
  });
});

describe('processes', () => {
  test('are known by their mark and ended by their identity', async () => {
    const mark = `mark-${process.pid}-${Date.now()}`;
    const child = spawn('sleep', ['600'], {
      env: { PATH: process.env.PATH, DHARMA_FEDERATION: mark },
      stdio: 'ignore',
    });
    const ended = once(child, 'exit');
    await once(child, 'spawn');
    const found = processesWithEnv('DHARMA_FEDERATION', mark);
    expect(found.map(({ pid }) => pid)).toEqual([child.pid]);
    // One that only shares the pid is left alone.
    await endProcesses([{ ...found[0]!, startTime: '1' }], 0);
    expect(stillRuns(found[0]!)).toBe(true);
    await endProcesses(found, 10_000);
    await ended;
    expect(stillRuns(found[0]!)).toBe(false);
  });

  test('that have a port are named', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect(portOwner(port)?.pid).toBe(process.pid);
    server.close();
    await once(server, 'close');
    expect(portOwner(port)).toBeUndefined();
  });
});

describe('settings', () => {
  test('are made once, and kept', async () => {
    const first = await loadSettings(home);
    expect(await loadSettings(home)).toEqual(first);
    expect(first).toMatchObject({ edge: { address: '127.0.0.1', port: 8080 }, rollbackWindow: 900_000 });
  });

  test('with a wrong key name it, and what to do', async () => {
    const { id } = await loadSettings(home);
    await writeFile(home.settingsFile, JSON.stringify({ id, edge: { prt: 1 } }));
    await expect(loadSettings(home)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('edge.prt') as string,
    });
    expect(await readFile(home.settingsFile, 'utf8')).toContain('prt'); // Never overwritten.
  });
});
