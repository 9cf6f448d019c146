import { DharmaError, Supervised, type Child, type Logger } from '../../common/index.js';
import type { Home } from '../home/home.js';
import { childState, exitText } from './family.js';
import { federatorSpec } from './programs.js';
import { isStartMessage, type ChildState, type StartMessage } from './protocol.js';

/** The federator process under supervision: its first start must succeed, later ones are tried for ever. */
export class FederatorChild {
  readonly #supervised: Supervised;
  #port: number;
  #lastExit: string | undefined;
  /** The port the API listens at; rejects with what kept the first start from succeeding. */
  readonly started: Promise<number>;

  constructor(home: Home, apiPort: number, log: Logger, onProgress: (text: string) => void) {
    this.#port = apiPort;
    let resolve!: (port: number) => void;
    let reject!: (error: Error) => void;
    this.started = new Promise<number>((yes, no) => {
      resolve = yes;
      reject = no;
    });
    this.started.catch(() => undefined); // Whoever awaits it gets the error; nobody may, when we are stopped early.
    this.#supervised = new Supervised({
      spec: () => federatorSpec(home, this.#port),
      log,
      onStart: async (child) => {
        this.#port = await ready(child, onProgress).catch((error: unknown) => {
          if (error instanceof DharmaError) reject(error);
          throw error;
        });
        resolve(this.#port);
      },
      onExit: (exit) => {
        this.#lastExit = exitText(exit);
      },
    });
  }

  async stop(deadlineMs: number): Promise<void> {
    await this.#supervised.stop(deadlineMs);
  }

  state(): ChildState {
    return childState('federator', this.#supervised, this.#lastExit);
  }
}

/** Waits for the child's word on how its start went. */
async function ready(child: Child, onProgress: (text: string) => void): Promise<number> {
  return new Promise<number>((resolve, reject) => {
    child.channel.on('message', (message: unknown) => {
      if (!isStartMessage(message)) return;
      const said: StartMessage = message;
      if (said.kind === 'progress') onProgress(said.text);
      if (said.kind === 'ready') resolve(said.port ?? 0);
      if (said.kind === 'failed') reject(new DharmaError(said.error));
    });
    void child.exited.then((exit) =>
      reject(new Error(`the federator ended before it was ready (${exitText(exit)})`)),
    );
  });
}
