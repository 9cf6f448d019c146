import { Supervised, type ChildExit, type ChildSpec, type Logger } from '../../common/index.js';
import type { ChildState } from './protocol.js';

/** A set of like children (agents, shadow workers), each restarted with backoff until it is removed. */
export class Family {
  readonly #children = new Map<string, { supervised: Supervised; lastExit: string | undefined }>();
  readonly #log: Logger;
  readonly #spec: (name: string) => ChildSpec | Promise<ChildSpec>;
  #closed = false;

  constructor(spec: (name: string) => ChildSpec | Promise<ChildSpec>, log: Logger) {
    this.#spec = spec;
    this.#log = log;
  }

  /** Starts it unless it is there. */
  run(name: string): void {
    if (this.#closed || this.#children.has(name)) return;
    const entry: { supervised: Supervised; lastExit: string | undefined } = {
      lastExit: undefined,
      supervised: new Supervised({
        spec: () => this.#spec(name),
        log: this.#log.child({ child: name }),
        onExit: (exit) => {
          entry.lastExit = exitText(exit);
        },
      }),
    };
    this.#children.set(name, entry);
  }

  /** Ends it, giving it `deadlineMs`; nothing happens when it is not there. */
  async remove(name: string, deadlineMs: number): Promise<void> {
    const entry = this.#children.get(name);
    if (entry === undefined) return;
    await entry.supervised.stop(deadlineMs);
    this.#children.delete(name);
  }

  /** Ends all; none can be started afterwards. */
  async close(deadlineMs: number): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#children.keys()].map((name) => this.remove(name, deadlineMs)));
  }

  state(): ChildState[] {
    return [...this.#children].map(([name, { supervised, lastExit }]) =>
      childState(name, supervised, lastExit),
    );
  }
}

export function childState(name: string, supervised: Supervised, lastExit?: string): ChildState {
  return {
    name,
    ...(supervised.child === undefined ? {} : { pid: supervised.child.pid }),
    restarts: supervised.restarts,
    ...(lastExit === undefined ? {} : { lastExit }),
  };
}

export function exitText(exit: ChildExit): string {
  return exit.signal === null ? `exit ${exit.code ?? '?'}` : exit.signal;
}
