import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defaultCommand } from '../../../cluster-agent/release/command.js';

describe('how an app is started', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'dharma-command-'));
    await mkdir(join(dir, 'node_modules', '.bin'), { recursive: true });
    await writeFile(join(dir, 'app.cjs'), 'console.log(process.env.MODE, process.pid, process.argv[2]);');
    await symlink(process.execPath, join(dir, 'node_modules', '.bin', 'runner'));
  });
  afterAll(async () => {
    await rm(dir, { recursive: true, force: true });
  });

  it('is node itself, where that is all the script says', () => {
    expect(defaultCommand(dir, { scripts: { start: 'node --no-warnings app.cjs' } })).toEqual([
      'node',
      '--no-warnings',
      'app.cjs',
    ]);
  });

  it('is the program of the script, with its variables, as the process itself', async () => {
    const [command, ...args] = defaultCommand(dir, { scripts: { start: 'MODE=fast runner app.cjs one' } });
    const started = promisify(execFile)(command!, args, { cwd: dir });
    expect((await started).stdout).toBe(`fast ${started.child.pid} one\n`);
  });

  it('is not guessed from a script of several commands', () => {
    expect(() => defaultCommand(dir, { scripts: { start: 'node a.js && node b.js' } })).toThrow(
      /cannot tell/,
    );
  });
});
