import {
  CallQueue,
  type ArmName,
  type ExchangeSource,
  type GuardCount,
  type OutboundSource,
  type RunningApp,
} from '../../common/index.js';
import type {
  Arm,
  ArmSet,
  Canonical,
  EffectDelta,
  PrepareArms,
  PrepareArmsOptions,
} from '../arms-contract.js';
import { PushSource } from '../capture/push-source.js';
import type { Journal, JournalEntry } from '../resume/journal.js';
import { Channel } from './channel.js';
import type {
  AppTold,
  ArmsTold,
  ArmTold,
  Exit,
  Hello,
  KeeperQuestion,
  Message,
  PrepareTold,
} from './protocol.js';

/** What a run is given by its keeper, in place of what it would have of its own. */
export interface KeptRun {
  /** How many processes have compared before this one, with the same arms. */
  readonly earlierLives: number;
  readonly options: {
    readonly exchanges: ExchangeSource;
    readonly outbound: OutboundSource;
    readonly prepare: PrepareArms;
    readonly journal: Journal;
    readonly sampleKey: Uint8Array;
  };
  /** Rejects when the keeper is gone: nothing can go on then. */
  readonly ended: Promise<void>;
}

/** Joins the keeper that is this process's parent. */
export async function joinKeeper(end: unknown): Promise<KeptRun> {
  const client = new KeeperClient(end);
  const { life, sampleKey } = await client.hello;
  return {
    earlierLives: life - 1,
    options: {
      exchanges: client.exchanges,
      outbound: client.calls,
      prepare: (options) => client.prepare(options),
      journal: client,
      sampleKey,
    },
    ended: client.ended,
  };
}

class KeeperClient implements Journal {
  readonly exchanges = new PushSource();
  readonly calls = new CallQueue();
  readonly hello: Promise<Hello>;
  readonly ended: Promise<void>;
  readonly #channel: Channel;
  /** Entries of the past on their way to whoever rebuilds it, one at a time. */
  readonly #entries = new Handover<JournalEntry>();
  readonly #exits = new Exits();
  #greeted!: (hello: Hello) => void;
  #options: PrepareArmsOptions | undefined;
  #canonical: Canonical = (_arm, text) => text;

  constructor(end: unknown) {
    this.hello = new Promise((resolve) => (this.#greeted = resolve));
    this.#channel = new Channel(end, {
      answer: (what, ask) => this.#answer(what as KeeperQuestion, ask),
      on: (message) => this.#told(message),
    });
    const pulled = this.hello.then(({ past }) => this.#pull(past));
    const gone = this.#channel.closed.then(() => {
      throw new Error('the keeper of the arms has ended');
    });
    this.ended = Promise.race([gone, pulled.then(() => gone)]);
    this.ended.catch(() => undefined); // Whoever asks for it gets it.
  }

  history(): AsyncIterable<JournalEntry> {
    return this.#entries;
  }

  note(entry: JournalEntry): Promise<void> {
    return this.#channel.send({ kind: 'note', entry });
  }

  async prepare(options: PrepareArmsOptions): Promise<ArmSet> {
    this.#options = options;
    const { workDir, old, names, live, writable, outbound, stubs, unguarded, determinism, env } = options;
    const told: PrepareTold = {
      ...{
        workDir,
        old,
        new: options.new,
        names,
        live,
        writable,
        outbound,
        stubs,
        unguarded,
        determinism,
        env,
        newEnv: options.newEnv,
        limits: options.limits,
      },
    };
    const arms = await this.#channel.ask('prepare', told);
    return new KeptArms(arms, this.#channel, this.#exits, (canonical) => (this.#canonical = canonical));
  }

  /** What was captured goes on as it comes; entries of the past are taken one by one, so that none pile up here. */
  async #pull(past: number): Promise<void> {
    for (let seen = 0; ;) {
      if (seen >= past) this.#entries.end();
      const items = await this.#channel.ask('pull', null);
      if (items.length === 0) return;
      for (const item of items) {
        seen += 1;
        if (item.kind === 'captured') this.exchanges.push(item.event);
        else if (item.kind === 'call') this.calls.push(item.call);
        else await this.#entries.give(item.entry);
      }
    }
  }

  #told(message: Message): void {
    if (message.kind === 'hello') this.#greeted(message.hello);
    else if (message.kind === 'progress') this.#options?.onProgress(message.step, message.fraction);
    else if (message.kind === 'exited') this.#exits.tell(message.pid, message.exit);
  }

  async #answer(what: KeeperQuestion, ask: unknown): Promise<unknown> {
    if (what === 'room') return this.#options!.room!();
    const { arm, text } = ask as { arm: ArmName; text: string };
    return this.#canonical(arm, text);
  }
}

/** Arms in another process. They end with their keeper, not with this set. */
class KeptArms implements ArmSet {
  readonly arms: readonly Arm[];
  readonly cloneStartedNs: bigint;
  readonly cloneEndedNs: bigint;
  readonly cloneMs: number;
  readonly caveats: readonly string[];
  readonly begun: ArmSet['begun'];
  readonly setCanonical: (canonical: Canonical) => void;
  readonly #channel: Channel;
  #guard: GuardCount;

  constructor(told: ArmsTold, channel: Channel, exits: Exits, setCanonical: (canonical: Canonical) => void) {
    this.#channel = channel;
    this.#guard = told.guard;
    this.setCanonical = setCanonical;
    this.cloneStartedNs = told.cloneStartedNs;
    this.cloneEndedNs = told.cloneEndedNs;
    this.cloneMs = told.cloneMs;
    this.caveats = told.caveats;
    const { begun } = told;
    this.begun = begun && { ...begun, folder: (name) => begun.folders[name]! };
    const noteGuard = (guard: GuardCount): void => {
      this.#guard = guard;
    };
    this.arms = told.arms.map((arm) => new KeptArm(arm, channel, exits, noteGuard));
  }

  guard(): GuardCount {
    return this.#guard;
  }

  liveCall(): void {
    // The keeper has told them.
  }

  forget(exchangeId: string): void {
    void this.#channel.send({ kind: 'forget', id: exchangeId });
  }

  async stop(): Promise<void> {
    // The keeper does, when it ends.
  }
}

class KeptArm implements Arm {
  readonly name: ArmName;
  readonly logFile: string;
  readonly stores: Arm['stores'];
  readonly #channel: Channel;
  readonly #exits: Exits;
  readonly #noteGuard: (guard: GuardCount) => void;
  #app: RunningApp;
  #costMs = 0;

  constructor(told: ArmTold, channel: Channel, exits: Exits, noteGuard: (guard: GuardCount) => void) {
    this.name = told.name;
    this.logFile = told.logFile;
    this.stores = told.stores;
    this.#channel = channel;
    this.#exits = exits;
    this.#noteGuard = noteGuard;
    this.#app = this.#running(told.app);
  }

  get app(): RunningApp {
    return this.#app;
  }

  get collectCostMs(): number {
    return this.#costMs;
  }

  async collect(): Promise<EffectDelta> {
    const { delta, costMs, guard } = await this.#channel.ask('collect', this.name);
    this.#costMs = costMs;
    this.#noteGuard(guard);
    return delta;
  }

  async restart(): Promise<void> {
    this.#app = this.#running(await this.#channel.ask('restart', this.name));
  }

  async stop(): Promise<void> {
    // The keeper does, when it ends.
  }

  #running({ name, pid, target }: AppTold): RunningApp {
    return { name, pid, target, exited: this.#exits.of(pid), stop: async () => undefined };
  }
}

/** Ends of apps, told before or after somebody waits for them. */
class Exits {
  readonly #told = new Map<number, Exit>();
  readonly #waiting = new Map<number, (exit: Exit) => void>();

  tell(pid: number, exit: Exit): void {
    this.#told.set(pid, exit);
    this.#waiting.get(pid)?.(exit);
  }

  of(pid: number): Promise<Exit> {
    const exit = this.#told.get(pid);
    if (exit !== undefined) return Promise.resolve(exit);
    return new Promise((resolve) => this.#waiting.set(pid, resolve));
  }
}

/** Values given one at a time: the giver waits until each is taken. */
class Handover<T> implements AsyncIterable<T> {
  readonly #given: { readonly value: T; readonly taken: () => void }[] = [];
  #ended = false;
  #wake: (() => void) | undefined;

  give(value: T): Promise<void> {
    return new Promise((taken) => {
      this.#given.push({ value, taken });
      this.#wake?.();
    });
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      const next = this.#given.shift();
      if (next !== undefined) {
        yield next.value;
        next.taken();
      } else if (this.#ended) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
