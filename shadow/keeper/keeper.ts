import { randomBytes } from 'node:crypto';
import {
  DharmaError,
  messageOf,
  type ArmName,
  type ExchangeSource,
  type Logger,
  type OutboundSource,
} from '../../common/index.js';
import type { Arm, ArmSet, PrepareArms, PrepareArmsOptions } from '../arms-contract.js';
import type { DiskBudget } from '../capture/disk-budget.js';
import { freeRoom } from '../room/free-room.js';
import type { Room } from '../room/sizes.js';
import { Channel } from './channel.js';
import { KeeperLog } from './keeper-log.js';
import type { AppTold, ArmTold, ArmsTold, Message, PrepareTold, Question, Questions } from './protocol.js';

export interface KeeperOptions {
  /** What live answers and calls out to. Closed by `close()`. */
  readonly exchanges: ExchangeSource;
  readonly outbound: OutboundSource;
  readonly prepare: PrepareArms;
  /** What only this process can give of what the arms need. */
  readonly own: Pick<PrepareArmsOptions, 'launcher' | 'clock' | 'log'>;
  /** Where its log is made, and the bytes of disk it may have. */
  readonly logFile: string;
  readonly budget: DiskBudget;
  readonly log: Logger;
}

/**
 * Keeps what must outlive the process that compares: the arms, what is captured, and the journal of what was done to the
 * arms. When that process is killed, the next one goes on with all of it. It decides nothing and compares nothing, so that
 * little can go wrong in it. The owner must `close()` it.
 */
export class Keeper {
  readonly #options: KeeperOptions;
  readonly #log: KeeperLog;
  readonly #abort = new AbortController();
  readonly #sampleKey = randomBytes(32);
  readonly #reading: Promise<unknown>;
  readonly #turns = new Map<ArmName, Promise<unknown>>();
  #prepared: Promise<ArmSet> | undefined;
  #channel: Channel | undefined;
  #life = 0;
  /** Something was done to the arms. */
  #hasActed = false;
  /** The process that compares has not come as far as the one before it: whether it can is not known. */
  #rebuilding = false;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#log = new KeeperLog(options.logFile, options.budget);
    this.#reading = Promise.all([this.#capture(), this.#calls()]);
    // What it rejects with is told by whoever awaits `failed`.
    this.#reading.catch(() => undefined);
  }

  /** Rejects when live can no longer be read; pending else. */
  get failed(): Promise<unknown> {
    return this.#reading;
  }

  /** Whether a new process could go on. If not, all begins anew. */
  get canGoOn(): boolean {
    return this.#log.isWhole && !this.#rebuilding;
  }

  /** Serves a process that compares, until it ends. One at a time. */
  async serve(end: unknown): Promise<void> {
    const channel = new Channel(end, {
      answer: (what, ask) => this.#answer(what as Question, ask),
      on: (message) => this.#told(message),
    });
    this.#channel = channel;
    const past = this.#log.rewind();
    this.#life += 1;
    await channel.send({ kind: 'hello', hello: { life: this.#life, past, sampleKey: this.#sampleKey } });
    await channel.closed;
    this.#channel = undefined;
  }

  /** Ends the arms and the reading of live. Idempotent. */
  async close(): Promise<void> {
    this.#abort.abort(new Error('the shadow was stopped'));
    await this.#options.exchanges.close();
    await this.#options.outbound.close();
    await this.#reading.catch(() => undefined); // Told by `failed`.
    const arms = await this.#prepared?.catch(() => undefined); // Told to who asked for them.
    await arms?.stop();
    this.#log.close();
  }

  async #capture(): Promise<void> {
    let lost = 0;
    for await (const event of this.#options.exchanges) {
      if (this.#log.add({ kind: 'captured', event })) continue;
      lost += event.kind === 'dropped' ? event.count : 1;
      if (this.#log.add({ kind: 'captured', event: { kind: 'dropped', count: lost } })) lost = 0;
    }
  }

  async #calls(): Promise<void> {
    for await (const call of this.#options.outbound) {
      // Before the arms stand nobody asks for it.
      void this.#prepared?.then(
        (arms) => arms.liveCall(call),
        () => undefined,
      );
      this.#log.add({ kind: 'call', call });
    }
  }

  #told(message: Message): void {
    if (message.kind === 'forget')
      void this.#prepared?.then(
        (arms) => arms.forget(message.id),
        () => undefined,
      );
    if (message.kind !== 'note') return;
    const { entry } = message;
    this.#log.add({ kind: 'entry', entry });
    this.#hasActed = true;
    if (entry.kind === 'begun' || entry.kind === 'resumed') this.#rebuilding = false;
  }

  async #answer<Q extends Question>(what: Q, ask: unknown): Promise<Questions[Question]['answer']> {
    switch (what) {
      case 'prepare':
        return this.#prepare(ask as PrepareTold);
      case 'pull':
        return this.#log.read();
      case 'collect': {
        const arms = await this.#arms();
        const arm = armOf(arms, ask as ArmName);
        const delta = await this.#inTurn(arm, () => arm.collect(this.#abort.signal));
        return { delta, costMs: arm.collectCostMs, guard: arms.guard() };
      }
      default: {
        const arm = armOf(await this.#arms(), ask as ArmName);
        await this.#inTurn(arm, async () => arm.restart?.(this.#abort.signal));
        this.#watch(arm);
        return appTold(arm);
      }
    }
  }

  /** What a killed process has asked of an arm ends before what the next one asks begins. */
  async #inTurn<T>(arm: Arm, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(arm.name) ?? Promise.resolve();
    const turn = before.then(work);
    this.#turns.set(
      arm.name,
      turn.catch(() => undefined), // Whoever asked hears of it; the next only waits.
    );
    return turn;
  }

  #arms(): Promise<ArmSet> {
    return this.#prepared ?? Promise.reject(new Error('the arms were not prepared'));
  }

  /** Once, whoever asks again gets those that stand. */
  async #prepare(told: PrepareTold): Promise<ArmsTold> {
    const isFirst = this.#prepared === undefined;
    this.#rebuilding = this.#hasActed;
    this.#prepared ??= this.#options.prepare({
      ...told,
      ...this.#options.own,
      signal: this.#abort.signal,
      room: () => this.#room(told.workDir),
      onProgress: (step, fraction) => void this.#channel?.send({ kind: 'progress', step, fraction }),
    });
    const arms = await this.#prepared;
    if (isFirst) arms.setCanonical?.((arm, text) => this.#canonical(arm, text));
    for (const arm of arms.arms) this.#watch(arm);
    return armsTold(arms, Object.keys(told.writable));
  }

  /** What the copies may take, beside what is promised to exchanges here and where they are compared. */
  async #room(dir: string): Promise<Room> {
    const room = await this.#channel?.ask('room', null).catch((error: unknown) => {
      if (error instanceof DharmaError) throw error;
      return undefined; // Killed meanwhile: its part is free again.
    });
    const { disk, memory } = room ?? (await freeRoom(dir));
    return { memory, disk: Math.max(0, disk - this.#log.reservedBytes) };
  }

  /** In live's words, as far as somebody knows them now. */
  async #canonical(arm: ArmName, text: string): Promise<string> {
    try {
      return (await this.#channel?.ask('canonical', { arm, text })) ?? text;
    } catch (error) {
      this.#options.log.debug({ error: messageOf(error) }, 'nobody knows what live calls it');
      return text;
    }
  }

  /** Tells the end of its app to the process that compares now. */
  #watch(arm: Arm): void {
    const channel = this.#channel;
    const { pid } = arm.app;
    void arm.app.exited.then((exit) => channel?.send({ kind: 'exited', arm: arm.name, pid, exit }));
  }
}

function armOf(arms: ArmSet, name: ArmName): Arm {
  const arm = arms.arms.find((one) => one.name === name);
  if (arm === undefined) throw new Error(`no arm ${name}`);
  return arm;
}

function appTold({ app }: Arm): AppTold {
  return { name: app.name, pid: app.pid, target: app.target };
}

function armsTold(set: ArmSet, folders: readonly string[]): ArmsTold {
  const { cloneStartedNs, cloneEndedNs, cloneMs, caveats = [], begun } = set;
  return {
    ...{ cloneStartedNs, cloneEndedNs, cloneMs, caveats },
    arms: set.arms.map((arm): ArmTold => {
      const { name, logFile, stores } = arm;
      return { name, logFile, stores, app: appTold(arm) };
    }),
    begun: begun && {
      mongo: begun.mongo,
      redis: begun.redis,
      folders: Object.fromEntries(folders.map((name) => [name, begun.folder(name)])),
    },
    guard: set.guard(),
  };
}
