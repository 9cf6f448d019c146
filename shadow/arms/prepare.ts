import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  makeSocketRoot,
  removeSocketRoot,
  type ArmName,
  type GuardCount,
  type OutboundCall,
  type StartedStore,
} from '../../common/index.js';
import type { ArmSet, BegunWith, Canonical, PrepareArmsOptions } from '../arms-contract.js';
import type { CloneProgress } from '../clone/progress.js';
import { GoldenMongo } from '../effects/golden-mongo.js';
import { RecordedCalls } from '../guard/recorded-calls.js';
import { freeRoom } from '../room/free-room.js';
import type { Room } from '../room/sizes.js';
import { ShadowArm } from './arm.js';
import { chooseEnforcement, runsOnNode, whyNoJail, type Enforcement } from './enforcement.js';
import { makeGolden, type Golden } from './golden.js';

/**
 * Clones live once into golden, golden into each arm, and starts the arms. Errors: ARM_DID_NOT_START (ArmStartError; an old
 * arm's before a new one's), GUARD_NOT_ENFORCEABLE, STORE_TOO_LARGE, STORE_UNREACHABLE, CLONE_FAILED. Whatever fails,
 * nothing is left running.
 */
export async function prepareArms(options: PrepareArmsOptions): Promise<ArmSet> {
  const enforcement = chooseEnforcement({
    noJailBecause: await whyNoJail(),
    node: [options.old, options.new].every(({ manifest }) => runsOnNode(manifest)),
    unguarded: options.unguarded,
  });
  const set = new PreparedArms(options, enforcement);
  try {
    await set.prepare();
    return set;
  } catch (error) {
    await set.stop();
    throw error;
  }
}

class PreparedArms implements ArmSet {
  readonly #options: PrepareArmsOptions;
  readonly #enforcement: Enforcement;
  readonly #recorded = new RecordedCalls();
  #arms: readonly ShadowArm[] = [];
  #golden: Golden | undefined;
  #goldenMongo: GoldenMongo | undefined;
  #socketRoot: string | undefined;
  #canonical: Canonical = (_arm, text) => text;
  #cloneStartedNs = 0n;
  #cloneEndedNs = 0n;
  #stopped: Promise<void> | undefined;

  constructor(options: PrepareArmsOptions, enforcement: Enforcement) {
    this.#options = options;
    this.#enforcement = enforcement;
  }

  get arms(): readonly ShadowArm[] {
    return this.#arms;
  }

  get cloneStartedNs(): bigint {
    return this.#cloneStartedNs;
  }

  get cloneEndedNs(): bigint {
    return this.#cloneEndedNs;
  }

  get cloneMs(): number {
    return Number(this.#cloneEndedNs - this.#cloneStartedNs) / 1e6;
  }

  get begun(): BegunWith | undefined {
    const golden = this.#golden;
    if (golden === undefined) return undefined;
    const address = (store: StartedStore | undefined): string | undefined =>
      store === undefined ? undefined : new URL(store.uri).host;
    return {
      mongo: address(golden.mongo),
      redis: address(golden.redis),
      folder: (name) => golden.folder(name),
    };
  }

  /** What the copies cannot promise, for the report. */
  get caveats(): readonly string[] {
    return this.#golden?.caveats ?? [];
  }

  async prepare(): Promise<void> {
    await this.#clone();
    await this.#startArms();
  }

  guard(): GuardCount {
    return {
      enforcement: this.#enforcement,
      answered: sum(this.#arms.map(({ guard }) => guard.answered)),
      stubbed: sum(this.#arms.map(({ guard }) => guard.stubbed)),
      refused: sum(this.#arms.map(({ guard }) => guard.refused)),
      calls: this.#arms.flatMap(({ name, guard }) =>
        [...guard.counts].map(([destination, count]) => ({ destination, arm: name, count })),
      ),
      // The guard has no way to pass anything on, and what holds an arm in lets nothing past it.
      escaped: 0,
    };
  }

  liveCall(call: OutboundCall): void {
    this.#recorded.add(call);
  }

  forget(exchangeId: string): void {
    this.#recorded.forget(exchangeId);
  }

  setCanonical(canonical: Canonical): void {
    this.#canonical = canonical;
  }

  /** Ends the arms and removes what they left but for their logs. Idempotent. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    await Promise.all(this.#arms.map((arm) => arm.stop()));
    await this.#goldenMongo?.close();
    await this.#golden?.close();
    await rm(this.#goldenDir, { recursive: true, force: true });
    await removeSocketRoot(this.#options.workDir);
  }

  get #goldenDir(): string {
    return join(this.#options.workDir, 'golden');
  }

  async #clone(): Promise<void> {
    const { live, writable, names, workDir, log, signal, onProgress } = this.#options;
    onProgress('cloning the stores', 0);
    const told = new Map<string, CloneProgress>();
    this.#golden = await makeGolden({
      dir: this.#goldenDir,
      ...{ live, writable, log, signal },
      copies: names.length,
      room: this.#options.room ?? ((): Promise<Room> => freeRoom(workDir)),
      onProgress: (progress) => {
        told.set(progress.store, progress);
        const all = [...told.values()];
        onProgress(
          `cloning ${progress.store} ${progress.scope}`,
          sum(all.map((p) => p.items)) / Math.max(1, sum(all.map((p) => p.totalItems))),
        );
      },
    });
    this.#cloneStartedNs = this.#golden.readFromNs;
    this.#cloneEndedNs = this.#golden.readUntilNs;
    const { mongo } = this.#golden;
    if (mongo !== undefined) this.#goldenMongo = await GoldenMongo.open(mongo.uri);
  }

  async #startArms(): Promise<void> {
    const { names, workDir, onProgress } = this.#options;
    onProgress('starting the arms', 0);
    this.#socketRoot = await makeSocketRoot(workDir);
    let started = 0;
    const outcomes = await Promise.allSettled(
      names.map(async (name) => {
        const arm = await this.#startArm(name, join(workDir, name));
        onProgress('starting the arms', ++started / names.length);
        return arm;
      }),
    );
    this.#arms = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    // In the order of the names, so that an old arm's failure is told before a new one's.
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  #startArm(name: ArmName, dir: string): Promise<ShadowArm> {
    const { old, new: next } = this.#options;
    return ShadowArm.start({
      name,
      dir,
      release: name.startsWith('old') ? old : next,
      prepare: this.#options,
      enforcement: this.#enforcement,
      golden: this.#golden!,
      goldenMongo: this.#goldenMongo,
      recorded: this.#recorded,
      canonical: (text) => this.#canonical(name, text),
      socketDir: join(this.#socketRoot!, name),
    });
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total + n, 0);
}
