import { fork } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readdirSync, readFileSync, readlinkSync, readSync, closeSync, writeSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { distPath } from '../../../common/index.js';
import { fixedBudget, shareOfFree, SPOOL_SHARE } from '../../../shadow/capture/disk-budget.js';
import { SpillQueue } from '../../../shadow/capture/spill-queue.js';
import { SpoolCipher } from '../../../shadow/capture/spool-cipher.js';
import { SpoolFile } from '../../../shadow/capture/spool-file.js';

const MEGABYTE = 1024 * 1024;

describe('the spool', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'dharma-spill-'));
  });
  afterEach(async () => {
    await rm(dir, { recursive: true, force: true });
  });

  /** The spool's files: they have no name, but the process has them open. */
  function onDisk(): string[] {
    return readdirSync('/proc/self/fd')
      .map((fd) => `/proc/self/fd/${fd}`)
      .filter((fd) => {
        try {
          return readlinkSync(fd).startsWith(dir);
        } catch {
          return false; // The listing's own.
        }
      });
  }

  it('keeps the order through memory and file, and every kind of value', async () => {
    const queue = new SpillQueue<{ n: number; at: bigint; body: Uint8Array }>(
      join(dir, 'q'),
      fixedBudget(100 * MEGABYTE),
    );
    const body = new Uint8Array(MEGABYTE).fill(7);
    for (let n = 0; n < 30; n += 1)
      expect(queue.push({ n, at: BigInt(n) << 60n, body }, MEGABYTE)).toBe(true);
    for (let n = 0; n < 20; n += 1) expect(await queue.next()).toMatchObject({ n, at: BigInt(n) << 60n });
    for (let n = 30; n < 40; n += 1) expect(queue.push({ n, at: 0n, body }, MEGABYTE)).toBe(true);
    for (let n = 20; n < 40; n += 1) {
      const item = await queue.next();
      expect(item?.n).toBe(n);
      expect(Buffer.from(item!.body).equals(body)).toBe(true);
    }
    expect(queue.length).toBe(0);
    // The disk gets its room back once it is read.
    expect(onDisk()).toEqual([]);
    queue.close();
    expect(await queue.next()).toBeUndefined();
  });

  it('refuses what the budget has no room for, and takes more when there is room again', async () => {
    const queue = new SpillQueue<Uint8Array>(join(dir, 'q'), fixedBudget(3 * MEGABYTE));
    const push = (): boolean => queue.push(new Uint8Array(MEGABYTE / 2), MEGABYTE / 2);
    const pushed = Array.from({ length: 25 }, push);
    expect(pushed.filter(Boolean)).toHaveLength(16 + 5);
    expect(pushed.slice(21).every((fits) => !fits)).toBe(true);
    for (let n = 0; n < 19; n += 1) await queue.next();
    // The queue was never empty: what was read is given back piece by piece.
    expect(queue.length).toBe(2);
    expect([push(), push()]).toEqual([true, true]);
    queue.close();
  });

  it('takes a share of what is free, and gives way when others fill the disk', async () => {
    let free = 40 * MEGABYTE;
    const file = new SpoolFile(
      join(dir, 'q'),
      shareOfFree(() => free),
      MEGABYTE,
    );
    const push = (): boolean => {
      const fits = file.push(new Uint8Array(MEGABYTE / 2));
      if (fits) free -= MEGABYTE / 2;
      return fits;
    };
    const pushed = Array.from({ length: 30 }, push).filter(Boolean).length;
    // What it holds itself is not taken for others'.
    expect(pushed).toBe(40 * 2 * SPOOL_SHARE - 1);
    for (let n = 0; n < 10; n += 1) expect(file.shift()).toBeDefined();
    free = 8 * MEGABYTE;
    // Asked with each new piece of the file: what is left of the last one is written yet.
    expect([push(), push()]).toEqual([true, false]);
    free = 80 * MEGABYTE;
    expect(push()).toBe(true);
    file.close();
  });

  it('waits for what comes', async () => {
    const queue = new SpillQueue<string>(join(dir, 'q'), fixedBudget(MEGABYTE));
    const next = queue.next();
    queue.push('a', 1);
    expect(await next).toBe('a');
    const last = queue.next();
    queue.end();
    expect(await last).toBeUndefined();
    queue.close();
  });

  it('writes nothing in the clear, in files without a name', async () => {
    const file = new SpoolFile(join(dir, 'q'), fixedBudget(MEGABYTE));
    const secret = Buffer.from('password=hunter2'.repeat(100));
    for (let n = 0; n < 10; n += 1) expect(file.push(secret)).toBe(true);
    expect(await readdir(dir)).toEqual([]);
    const [path] = onDisk();
    const bytes = readFileSync(path!);
    expect(bytes.length).toBeGreaterThan(10 * secret.length);
    expect(bytes.includes('hunter2')).toBe(false);
    // Equal records do not look alike: no nonce is used twice.
    const size = bytes.length / 10;
    const records = Array.from({ length: 10 }, (_, n) =>
      bytes.subarray(n * size + 12, (n + 1) * size).toString('hex'),
    );
    expect(new Set(records).size).toBe(10);
    expect(file.shift()).toEqual(secret);
    file.close();
    expect(onDisk()).toEqual([]);
  });

  it.each([
    ['changed', (bytes: Buffer, size: number) => (bytes[size - 20]! ^= 1)],
    ['swapped', (bytes: Buffer, size: number) => swap(bytes, size)],
    ['played again', (bytes: Buffer, size: number) => bytes.copy(bytes, 0, size, 2 * size)],
    ['given another length', (bytes: Buffer) => bytes.writeUInt32BE(2 ** 31, 0)],
  ])('does not take a record that was %s for what was captured', (_what, tamper) => {
    const file = new SpoolFile(join(dir, 'q'), fixedBudget(MEGABYTE));
    for (let n = 0; n < 3; n += 1) file.push(Buffer.from(`exchange number ${n}`));
    const fd = openSync(onDisk()[0]!, 'r+');
    const bytes = Buffer.alloc(4096);
    const length = readSync(fd, bytes, 0, bytes.length, 0);
    tamper(bytes, length / 3);
    writeSync(fd, bytes, 0, length, 0);
    closeSync(fd);
    expect(() => file.shift()).toThrow(expect.objectContaining({ code: 'SPOOL_DAMAGED' }));
    file.close();
  });

  it('leaves nothing when its process is killed', async () => {
    const script = join(dir, 'writer.mjs');
    const module = JSON.stringify(distPath('shadow/capture/spool-file.js'));
    await writeFile(
      script,
      `const { SpoolFile } = await import(${module});
       new SpoolFile(${JSON.stringify(join(dir, 'q'))}, () => 1e6).push(Buffer.alloc(1000));
       process.send('written');
       setInterval(() => undefined, 1000);`,
    );
    const child = fork(script);
    await once(child, 'message');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await readdir(dir)).toEqual(['writer.mjs']);
  });
});

describe('the cipher of a spool', () => {
  it('opens a record as itself and as no other, with its own key alone', () => {
    const [cipher, other] = [new SpoolCipher(), new SpoolCipher()];
    const sealed = cipher.seal(7, Buffer.from('body'));
    expect(cipher.open(7, sealed).toString()).toBe('body');
    const damaged: unknown = expect.objectContaining({ code: 'SPOOL_DAMAGED' });
    expect(() => cipher.open(8, sealed)).toThrow(damaged);
    expect(() => other.open(7, sealed)).toThrow(damaged);
    expect(() => cipher.open(7, sealed.subarray(0, 3))).toThrow(damaged);
    expect(cipher.seal(7, Buffer.from('body')).equals(sealed)).toBe(false);
  });

  it('neither seals nor opens once it is wiped', () => {
    const cipher = new SpoolCipher();
    const sealed = cipher.seal(0, Buffer.from('body'));
    cipher.wipe();
    expect(() => cipher.open(0, sealed)).toThrow('wiped');
    expect(() => cipher.seal(1, Buffer.from('body'))).toThrow('wiped');
  });
});

function swap(bytes: Buffer, size: number): void {
  const first = Buffer.from(bytes.subarray(0, size));
  bytes.copy(bytes, 0, size, 2 * size);
  first.copy(bytes, size);
}
