import type { ArmName, Logger } from '../../common/index.js';
import { messageOf } from '../../common/index.js';
import type { Arm } from '../arms-contract.js';
import type { Request } from '../correlate/rewrite.js';
import { Sender, type SendOptions, type Sent } from './sender.js';

/** Answers whose times are kept for the median: the latest ones. */
const KEPT_TIMES = 1000;

/** After a connection broke, how long the end of its process may take to show, ms. Only failures wait for it. */
const END_GRACE_MS = 1000;

const SAFE = /^(GET|HEAD|OPTIONS)$/;

/** The way to one arm: its connections, and its app started again when it ended. The owner must `close()` it. */
export class ArmLink {
  readonly arm: Arm;
  readonly #log: Logger;
  readonly #times: number[] = [];
  #sender: Sender;
  #ended = false;
  /** Resolves when the app as it runs now has ended. */
  #end: Promise<void> = Promise.resolve();
  #reviving: Promise<void> | undefined;
  #answered = 0;

  constructor(arm: Arm, log: Logger) {
    this.arm = arm;
    this.#log = log;
    this.#sender = this.#connect();
  }

  get name(): ArmName {
    return this.arm.name;
  }

  /** Median time of the latest answers, ms; 0 when there are none. */
  get medianMs(): number {
    const sorted = [...this.#times].sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? 0;
  }

  async send(request: Request, options: SendOptions): Promise<Sent> {
    if (this.#ended) await this.#revive(options.signal);
    if (this.#ended) return { kind: 'failed', reason: 'the app has ended', how: 'unreached' };
    const sent = await this.#sender.send(request, options);
    if (sent.kind === 'answered') this.#times[this.#answered++ % KEPT_TIMES] = sent.tookMs;
    else if (sent.how === 'unreached' || sent.how === 'cut') {
      const ended = await this.#endsNow();
      // What nobody took had no effect: it can be sent again.
      if (ended && sent.how === 'unreached' && this.arm.restart !== undefined)
        return this.#again(request, options);
      // A kept-alive connection may end just as it is used: every client may ask again where nothing is changed by it
      // (RFC 9110 section 9.2.2). An app that breaks the second one too means it.
      if (!ended && sent.how === 'cut' && SAFE.test(request.method))
        return this.#sender.send(request, options);
    }
    return sent;
  }

  async #again(request: Request, options: SendOptions): Promise<Sent> {
    await this.#revive(options.signal);
    return this.#sender.send(request, options);
  }

  /** A connection breaks a moment before its process is seen to have ended: whether this one's has. */
  async #endsNow(): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const grace = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, END_GRACE_MS);
    });
    await Promise.race([this.#end, grace]);
    clearTimeout(timer);
    return this.#ended;
  }

  async close(): Promise<void> {
    await this.#sender.close();
  }

  #connect(): Sender {
    const app = this.arm.app;
    this.#ended = false;
    this.#end = app.exited.then((exit) => {
      if (this.arm.app !== app) return;
      this.#ended = true;
      this.#log.warn({ arm: this.name, exit }, 'arm ended');
    });
    return new Sender(app.target);
  }

  /** Starts the app again, once for all who wait; what cannot be started again stays ended. */
  async #revive(signal: AbortSignal): Promise<void> {
    const { arm } = this;
    if (arm.restart === undefined) return;
    this.#reviving ??= (async () => {
      try {
        await arm.restart!(signal);
        await this.#sender.close();
        this.#sender = this.#connect();
      } catch (error) {
        signal.throwIfAborted();
        this.#log.error({ arm: this.name, error: messageOf(error) }, 'arm did not start again');
      } finally {
        this.#reviving = undefined;
      }
    })();
    await this.#reviving;
  }
}
