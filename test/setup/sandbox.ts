import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { packageRoot } from '../../common/paths.js';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A package of its own in a temporary folder, holding the real scripts, with a PATH that has only what is put there. */
export class Sandbox {
  readonly dir: string;
  readonly bin: string;

  private constructor(dir: string) {
    this.dir = dir;
    this.bin = join(dir, 'bin');
  }

  static async create(): Promise<Sandbox> {
    const sandbox = new Sandbox(await mkdtemp(join(tmpdir(), 'dharma-setup-')));
    onTestFinished(() => rm(sandbox.dir, { recursive: true, force: true }));
    await chmod(sandbox.dir, 0o755);
    await mkdir(sandbox.bin);
    await cp(join(packageRoot, 'scripts'), join(sandbox.dir, 'scripts'), { recursive: true });
    await sandbox.link('sh', 'env', 'cat', 'touch', 'mkdir', 'cp', 'rm', 'chmod');
    return sandbox;
  }

  async write(file: string, content: string | object): Promise<string> {
    const path = join(this.dir, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  }

  /** Puts a shell script into PATH. */
  async program(name: string, script: string): Promise<void> {
    await chmod(await this.write(join('bin', name), `#!/bin/sh\n${script}\n`), 0o755);
  }

  /** Puts programs of this machine into PATH. */
  async link(...names: string[]): Promise<void> {
    for (const name of names) await symlink(join('/usr/bin', name), join(this.bin, name));
  }

  /** Calls a function that a script exports, as the scripts' own entry points do. */
  async call(
    script: string,
    expression: string,
    options: { uid?: number; env?: NodeJS.ProcessEnv } = {},
  ): Promise<Outcome> {
    const name = /^\w+/.exec(expression)?.[0] ?? '';
    const code = `import { run } from './scripts/root.mjs'; import { ${name} } from './scripts/${script}';
      run(async () => { const result = await ${expression}; if (result !== undefined) console.log(result); });`;
    return this.run(process.execPath, ['--input-type=module', '-e', code], options);
  }

  async run(
    command: string,
    args: string[],
    options: { uid?: number; env?: NodeJS.ProcessEnv } = {},
  ): Promise<Outcome> {
    const env = { PATH: this.bin, HOME: this.dir, ...options.env };
    return new Promise((resolve, reject) => {
      execFile(
        command,
        args,
        { cwd: this.dir, env, ...(options.uid && { uid: options.uid }) },
        (error, stdout, stderr) => {
          const code = error ? error.code : 0;
          if (typeof code === 'number') resolve({ code, stdout, stderr });
          else reject(error ?? new Error(`no exit code from ${command}`));
        },
      );
    });
  }
}
