import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freeMemory, freeRoom } from '../../../shadow/room/free-room.js';

const MB = 2 ** 20;

describe('what is free', () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'dharma-room-'));
  });
  afterEach(async () => {
    await rm(root, { recursive: true, force: true });
  });

  async function machine(files: Record<string, string>): Promise<number> {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), `${text}\n`);
    }
    return (await freeMemory(root)) / MB;
  }
  const meminfo = 'MemTotal:  8388608 kB\nMemFree:  1 kB\nMemAvailable:  4194304 kB';

  it('is what the kernel says is available where no group has a limit', async () => {
    expect(
      await machine({
        'proc/meminfo': meminfo,
        'proc/self/cgroup': '0::/user/app',
        'sys/fs/cgroup/user/app/memory.max': 'max',
        'sys/fs/cgroup/user/app/memory.current': String(100 * MB),
      }),
    ).toBe(4096);
  });

  it('is what the tightest group above leaves, with the pages it can drop (version 2)', async () => {
    expect(
      await machine({
        'proc/meminfo': meminfo,
        'proc/self/cgroup': '0::/user/app',
        'sys/fs/cgroup/user/app/memory.max': String(3000 * MB),
        'sys/fs/cgroup/user/app/memory.current': String(100 * MB),
        'sys/fs/cgroup/user/memory.max': String(1000 * MB),
        'sys/fs/cgroup/user/memory.current': String(600 * MB),
        'sys/fs/cgroup/user/memory.stat': `anon 1\ninactive_file ${50 * MB}`,
      }),
    ).toBe(450);
  });

  it('is what the group leaves of version 1, and nothing where it is over its limit', async () => {
    const files = {
      'proc/meminfo': meminfo,
      'proc/self/cgroup': '9:cpu,cpuacct:/x\n4:memory:/x:y/z\n0::/',
      'sys/fs/cgroup/memory/x:y/z/memory.limit_in_bytes': String(500 * MB),
      'sys/fs/cgroup/memory/x:y/z/memory.usage_in_bytes': String(200 * MB),
      'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712',
      'sys/fs/cgroup/memory/memory.usage_in_bytes': String(900 * MB),
    };
    expect(await machine(files)).toBe(300);
    files['sys/fs/cgroup/memory/x:y/z/memory.usage_in_bytes'] = String(600 * MB);
    expect(await machine(files)).toBe(0);
  });

  it('sees the group of a container, whose path is not below its own root', async () => {
    expect(
      await machine({
        'proc/meminfo': meminfo,
        'proc/self/cgroup': '0::/docker/0123',
        'sys/fs/cgroup/memory.max': String(256 * MB),
        'sys/fs/cgroup/memory.current': String(56 * MB),
      }),
    ).toBe(200);
  });

  it('is told of this machine', async () => {
    const room = await freeRoom(root);
    expect(room.memory).toBeGreaterThan(0);
    expect(room.memory).toBeLessThanOrEqual(totalmem());
    expect(room.disk).toBeGreaterThan(0);
  });
});
