import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { freePort, packageRoot, waitForAccept } from '../../common/index.js';
import { tiedScript } from './tied.js';

/** What the payment provider was asked since its start. */
export interface Charges {
  /** Charges made. */
  readonly count: number;
  readonly declined: number;
  /** Requests for a charge, repeated and declined ones included: a copy's call would show here. */
  readonly requests: number;
}

/** The payment provider of the demo: examples/payment-stub. The owner must `stop()` it. */
export class PaymentStub {
  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
  ) {}

  static async start(signal: AbortSignal): Promise<PaymentStub> {
    const port = await freePort();
    const child = spawn(...tiedScript(join(packageRoot, 'examples', 'payment-stub', 'main.js'), []), {
      env: { PATH: process.env.PATH, HOST: '127.0.0.1', PORT: String(port) },
      stdio: 'ignore',
      detached: true,
    });
    const stub = new PaymentStub(child, `http://127.0.0.1:${port}`);
    try {
      await waitForAccept({ host: '127.0.0.1', port }, signal);
    } catch (error) {
      await stub.stop();
      throw error;
    }
    return stub;
  }

  async charges(): Promise<Charges> {
    const answer = await fetch(`${this.url}/charges`);
    return (await answer.json()) as Charges;
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGTERM');
    await once(this.child, 'close');
  }
}
