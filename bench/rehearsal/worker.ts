import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { distPath } from '../../common/index.js';
import { SHADOW_NODE_FLAGS } from '../../federator/daemon/programs.js';
import type { BoutResult, Task, WorkName } from './messages.js';

/** A process that does one kind of work on made-up exchanges, with the memory a shadow's worker has. The owner must `stop()` it. */
export class Worker {
  readonly #child: ChildProcess;

  constructor(readonly name: WorkName) {
    this.#child = fork(distPath('bench/rehearsal/worker-main.js'), [name], {
      execArgv: ['--expose-gc', ...SHADOW_NODE_FLAGS],
    });
  }

  /** @throws Error when the process ends instead of answering. */
  async run(task: Task): Promise<BoutResult> {
    const ended = new AbortController();
    try {
      this.#child.send(task);
      const told = once(this.#child, 'message', { signal: ended.signal }) as Promise<[BoutResult]>;
      const exit = once(this.#child, 'exit', { signal: ended.signal }).then(([code]): never => {
        throw new Error(`the worker ${this.name} ended with code ${String(code)}`);
      });
      const [result] = await Promise.race([told, exit]);
      return result;
    } finally {
      ended.abort();
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill();
    await exited;
  }
}
