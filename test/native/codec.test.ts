import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'dharma-codec-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const native = (name: string): string => resolve('native', name);
const sources = [
  'test/frames/frames_test.c',
  'test/frames/vectors.c',
  'src/frames.c',
  'src/frame_wire.c',
  'src/histogram.c',
].map(native);

function build(compiler: string, name: string, flags: readonly string[]): string {
  const program = join(folder, name);
  const strict = ['-std=c17', '-Wall', '-Wextra', '-Wconversion', '-Werror', '-g', `-I${native('src')}`];
  execFileSync(compiler, [...strict, ...flags, '-o', program, ...sources]);
  return program;
}

/** The program's own count: every check held, and there were many. */
function expectAllHeld(output: string): void {
  const [, checks, failed] = /^(\d+) checks, (\d+) failed\n$/.exec(output) ?? [];
  expect(Number(failed)).toBe(0);
  expect(Number(checks)).toBeGreaterThan(10_000);
}

const found = (program: string): boolean => spawnSync(program, ['--version']).status === 0;
const CROSS = 's390x-linux-gnu-gcc';
const emulator = ['qemu-s390x-static', 'qemu-s390x'].find(found);
const bigEndian = emulator !== undefined && found(CROSS);

describe('the C codec', () => {
  it('holds against the golden vectors, with the sanitizers watching', () => {
    const program = build('cc', 'frames_test', ['-fsanitize=address,undefined', '-fno-sanitize-recover=all']);
    expectAllHeld(execFileSync(program, { encoding: 'utf8' }));
  });

  it.skipIf(!bigEndian)(
    `holds on a big-endian machine${bigEndian ? '' : ' (left out: needs gcc-s390x-linux-gnu and qemu-user-static)'}`,
    () => {
      const program = build(CROSS, 'frames_test_s390x', ['-static']);
      expectAllHeld(execFileSync(emulator!, [program], { encoding: 'utf8' }));
    },
  );
});
