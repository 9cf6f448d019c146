import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
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

/** The program's own count: every test passed, and there were as many as there are vectors and more. */
function expectAllPassed(output: string): void {
  const vectors = JSON.parse(readFileSync(native('schema/vectors.json'), 'utf8')) as { valid: unknown[] };
  const [, passed, failed] = /^frames: (\d+) passed, (\d+) failed\n$/.exec(output) ?? [];
  expect(Number(failed)).toBe(0);
  expect(Number(passed)).toBeGreaterThan(vectors.valid.length);
}

const found = (program: string): boolean => spawnSync(program, ['--version']).status === 0;
const CROSS = 's390x-linux-gnu-gcc';
const emulator = ['qemu-s390x-static', 'qemu-s390x'].find(found);
const bigEndian = emulator !== undefined && found(CROSS);

describe('the C codec', () => {
  it('holds against the golden vectors, with the sanitizers watching', () => {
    const program = build('cc', 'frames_test', ['-fsanitize=address,undefined', '-fno-sanitize-recover=all']);
    expectAllPassed(execFileSync(program, { encoding: 'utf8' }));
  });

  it.skipIf(!bigEndian)(
    `holds on a big-endian machine${bigEndian ? '' : ' (left out: needs gcc-s390x-linux-gnu and qemu-user-static)'}`,
    () => {
      const program = build(CROSS, 'frames_test_s390x', ['-static']);
      expectAllPassed(execFileSync(emulator!, [program], { encoding: 'utf8' }));
    },
  );
});
