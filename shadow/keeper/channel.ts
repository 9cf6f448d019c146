import type { ChildProcess } from 'node:child_process';
import { errorOf, failureOf } from './failure.js';
import type { KeeperQuestion, KeeperQuestions, Message, Question, Questions, Told } from './protocol.js';

/** One end of Node's channel between parent and child: `process` in the child, the ChildProcess in the parent. */
type End = Pick<ChildProcess, 'connected' | 'on' | 'once'> & {
  send?: (message: Message, then: (error: Error | null) => void) => boolean;
};

type All = Questions & KeeperQuestions;

/** Messages one way and the other, and questions that are answered. Ends with the other process. */
export class Channel {
  readonly #end: End;
  readonly #asked = new Map<number, (told: Told) => void>();
  readonly #closed: Promise<void>;
  #asks = 0;

  /** `answer`: to what the other side asks. `on`: what it tells. */
  constructor(
    end: unknown,
    handlers: {
      readonly answer: (what: Question | KeeperQuestion, ask: unknown) => Promise<unknown>;
      readonly on: (message: Message) => void;
    },
  ) {
    this.#end = end as End;
    this.#end.on('message', (raw: unknown) => {
      const message = raw as Message;
      if (message.kind === 'answer') this.#answered(message.n, message.told);
      else if (message.kind !== 'ask') handlers.on(message);
      else {
        void handlers
          .answer(message.what, message.ask)
          .then(
            (value): Told => ({ ok: true, value }),
            (error: unknown): Told => ({ ok: false, error: failureOf(error) }),
          )
          .then((told) => this.send({ kind: 'answer', n: message.n, told }));
      }
    });
    this.#closed = new Promise((resolve) => this.#end.once('disconnect', resolve));
    void this.#closed.then(() => {
      const gone = failureOf(new Error('the other process has ended'));
      for (const n of [...this.#asked.keys()]) this.#answered(n, { ok: false, error: gone });
    });
  }

  /** Resolves when the other side is gone, and all it said before was heard. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  /** Resolves once the message is out of this process: its end does not lose it. To who is gone nothing is sent. */
  send(message: Message): Promise<void> {
    return new Promise((resolve) => {
      if (!this.#end.connected) return resolve();
      this.#end.send!(message, () => resolve());
    });
  }

  /** Rejects with what the other side's answer failed with, or when it ends first. */
  ask<Q extends keyof All>(what: Q, ask: All[Q]['ask']): Promise<All[Q]['answer']> {
    const n = this.#asks++;
    return new Promise((resolve, reject) => {
      this.#asked.set(n, (told) =>
        told.ok ? resolve(told.value as All[Q]['answer']) : reject(errorOf(told.error)),
      );
      if (this.#end.connected) void this.send({ kind: 'ask', n, what, ask });
      else this.#answered(n, { ok: false, error: failureOf(new Error('the other process has ended')) });
    });
  }

  #answered(n: number, told: Told): void {
    const answered = this.#asked.get(n);
    this.#asked.delete(n);
    answered?.(told);
  }
}
