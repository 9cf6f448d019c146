import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { resourcesOf } from '../../../shadow/costs/resources.js';

it('counts the CPU and memory of a process and of those below it, and nothing of one that has ended', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'dharma-resources-'));
  const [parent, child] = [join(dir, 'parent.mjs'), join(dir, 'child.mjs')];
  await writeFile(
    child,
    `const held = Buffer.alloc(64 * 1024 * 1024, 1);
     while (process.cpuUsage().user < 200_000);
     process.send('ready');
     process.on('disconnect', () => process.exit(held.length > 0 ? 0 : 1));`,
  );
  await writeFile(
    parent,
    `import { fork } from 'node:child_process';
     const child = fork(${JSON.stringify(child)});
     child.on('message', () => process.send('ready'));
     process.on('disconnect', () => { child.disconnect(); process.exit(0); });`,
  );
  const running = fork(parent);
  try {
    await once(running, 'message');
    const { cpuMs, rssBytes } = resourcesOf(running.pid!);
    expect(cpuMs).toBeGreaterThanOrEqual(190);
    expect(rssBytes).toBeGreaterThan(64 * 1024 * 1024);
  } finally {
    const ended = once(running, 'exit');
    running.disconnect();
    await ended;
    await rm(dir, { recursive: true, force: true });
  }
  expect(resourcesOf(running.pid!)).toEqual({ cpuMs: 0, rssBytes: 0 });
});
