import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  distPath,
  throwIfAborted,
  type ArmName,
  type JailSpec,
  type LaunchSpec,
  type Release,
  type RunningApp,
} from '../../common/index.js';
import type { Arm, EffectDelta, PrepareArmsOptions } from '../arms-contract.js';
import { databaseInUri } from '../clone/mongo.js';
import { activityOf } from '../effects/activity.js';
import { EffectCollector, type EffectSource } from '../effects/collector.js';
import { FileEffects } from '../effects/files.js';
import type { GoldenMongo } from '../effects/golden-mongo.js';
import { MongoEffects } from '../effects/mongo.js';
import { RedisEffects } from '../effects/redis.js';
import { Writers } from '../effects/writers.js';
import { ArmGuard } from '../guard/guard.js';
import { GuardLog } from '../guard/guard-log.js';
import type { RecordedCalls } from '../guard/recorded-calls.js';
import { addressesInJail, armEnvironment, INNER_PORTS, type ArmAddresses } from './environment.js';
import type { Enforcement } from './enforcement.js';
import { ArmStartError } from './errors.js';
import { copyTree, type Golden } from './golden.js';
import { startMirrors, type MirrorStores } from './mirror.js';

export interface ShadowArmOptions {
  readonly name: ArmName;
  readonly release: Release;
  readonly prepare: PrepareArmsOptions;
  readonly enforcement: Enforcement;
  readonly golden: Golden;
  readonly goldenMongo: GoldenMongo | undefined;
  readonly recorded: RecordedCalls;
  readonly canonical: (text: string) => string | Promise<string>;
  /** Folder of this arm's own: stores, files, log. */
  readonly dir: string;
  /** Folder for this arm's sockets, with a short path. */
  readonly socketDir: string;
}

/** One copy of the app with stores, files and a guard of its own. */
export class ShadowArm implements Arm {
  readonly name: ArmName;
  readonly logFile: string;
  readonly #options: ShadowArmOptions;
  /** What was started, to be ended in the reverse order. */
  readonly #closers: (() => Promise<void>)[] = [];
  #app!: RunningApp;
  #mirrors!: MirrorStores;
  #guard!: ArmGuard;
  #collector!: EffectCollector;
  #files!: FileEffects;
  #launch!: LaunchSpec;
  #stopped: Promise<void> | undefined;

  private constructor(options: ShadowArmOptions) {
    this.#options = options;
    this.name = options.name;
    this.logFile = join(options.dir, 'app.log');
  }

  /** Errors: ARM_DID_NOT_START, and those of the stores. Nothing is left running then. */
  static async start(options: ShadowArmOptions): Promise<ShadowArm> {
    const arm = new ShadowArm(options);
    try {
      await arm.#start();
      return arm;
    } catch (error) {
      await arm.stop();
      throw error;
    }
  }

  get app(): RunningApp {
    return this.#app;
  }

  get guard(): ArmGuard {
    return this.#guard;
  }

  get stores(): { readonly mongo?: string; readonly redis?: string } {
    const { mongo, redis } = this.#mirrors;
    return { ...(mongo && { mongo: mongo.uri }), ...(redis && { redis: redis.uri }) };
  }

  get collectCostMs(): number {
    return this.#collector.costMs;
  }

  collect(signal: AbortSignal): Promise<EffectDelta> {
    return this.#collector.collect(signal);
  }

  /** Starts the app again on the same stores and files. */
  async restart(signal: AbortSignal): Promise<void> {
    await this.#app.stop();
    await this.#launchApp(signal);
  }

  /** Ends the app, its guard and its stores, and removes its files but for the log. Idempotent. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    for (const close of this.#closers.reverse()) await close();
    const { dir, socketDir } = this.#options;
    for (const folder of [this.#appDir, join(dir, 'mongo'), join(dir, 'redis'), socketDir])
      await rm(folder, { recursive: true, force: true });
  }

  get #appDir(): string {
    return join(this.#options.dir, 'app');
  }

  async #start(): Promise<void> {
    const { dir, socketDir, golden, enforcement, prepare } = this.#options;
    const { signal } = prepare;
    for (const folder of [dir, socketDir, this.#appDir])
      await mkdir(folder, { recursive: true, mode: 0o700 });
    const jailed = enforcement === 'namespace';
    const sockets = jailed ? { mongo: join(socketDir, 'm'), redis: join(socketDir, 'r') } : undefined;
    this.#mirrors = await startMirrors({ golden, dir, sockets, signal });
    this.#closers.push(() => this.#mirrors.close());
    await this.#startGuard(jailed);
    const files = await this.#copyWritable();
    await this.#startCollector(files);
    throwIfAborted(signal);
    this.#launch = this.#launchSpec(jailed);
    // Listed before it runs, so that an app is never left behind.
    this.#closers.push(async () => this.#app?.stop());
    await this.#launchApp(signal);
  }

  async #startGuard(jailed: boolean): Promise<void> {
    const { name, recorded, canonical, prepare, socketDir } = this.#options;
    this.#guard = await ArmGuard.start({
      arm: name,
      destinations: Object.keys(prepare.outbound),
      socketDir: jailed ? socketDir : undefined,
      recorded,
      stubs: prepare.stubs,
      canonical,
      clock: prepare.clock,
      log: prepare.log,
    });
    this.#closers.push(() => this.#guard.close());
  }

  /** The arm's own copies of live's folders: where the launcher gives the app its writable folders by itself. */
  async #copyWritable(): Promise<{ name: string; path: string; goldenPath: string }[]> {
    const { golden, release } = this.#options;
    const folders = Object.entries(release.manifest.writable).map(([name, folder]) => ({
      name,
      path: join(this.#appDir, folder),
      goldenPath: golden.folder(name),
    }));
    for (const { path, goldenPath } of folders) await copyTree(goldenPath, path);
    return folders;
  }

  async #startCollector(
    folders: readonly { name: string; path: string; goldenPath: string }[],
  ): Promise<void> {
    const { golden, goldenMongo, prepare } = this.#options;
    const { mongo, redis } = this.#mirrors;
    const sources: EffectSource[] = [];
    if (redis !== undefined && golden.redis !== undefined) {
      const effects = await RedisEffects.start(redis.uri, golden.redis.uri);
      this.#closers.push(async () => effects.close());
      sources.push(effects);
    }
    if (mongo !== undefined && goldenMongo !== undefined) {
      const home = databaseInUri(prepare.live.mongo ?? '');
      const effects = await MongoEffects.start(mongo.uri, goldenMongo, home);
      this.#closers.push(() => effects.close());
      sources.push(effects);
    }
    this.#files = new FileEffects();
    for (const folder of folders) await this.#files.watch(folder);
    sources.push(this.#files);
    const guardLog = new GuardLog(this.#guardLog);
    this.#collector = new EffectCollector({
      sources,
      writers: new Writers(this.#writesLog, databaseInUri(prepare.live.mongo ?? '')),
      clock: prepare.clock,
      activity: () => activityOf(this.#app.pid),
      takeCalls: async () => {
        for (const attempt of await guardLog.read()) this.#guard.noteRefused(attempt);
        return this.#guard.takeCalls();
      },
    });
  }

  get #writesLog(): string {
    return join(this.#appDir, '_writes.jsonl');
  }

  get #guardLog(): string {
    return join(this.#appDir, '_refused.jsonl');
  }

  async #launchApp(signal: AbortSignal): Promise<void> {
    const { prepare, release } = this.#options;
    try {
      this.#app = await prepare.launcher.launch(this.#launch, signal);
    } catch (error) {
      throwIfAborted(signal);
      throw await ArmStartError.of(this.name, this.logFile, error);
    }
    // What it writes beside its code is told as well; what stands there now is its code.
    await this.#files.watch({ name: '.', path: join(this.#appDir, '_app'), goldenPath: release.dir });
  }

  #launchSpec(jailed: boolean): LaunchSpec {
    const { name, release, prepare, enforcement, socketDir } = this.#options;
    const { live, outbound } = prepare;
    const isNew = name.startsWith('new');
    const env = isNew ? (prepare.newEnv ?? prepare.env) : prepare.env;
    const limits = prepare.limits?.[isNew ? 'new' : 'old'];
    const addresses = jailed ? this.#inJail() : this.#onLoopback();
    const preloads = ['common/preload/context.js', 'shadow/preload/store-writes.js'];
    if (prepare.determinism) preloads.push('shadow/preload/determinism.js');
    if (enforcement !== 'none') preloads.push('shadow/preload/guard.js');
    return {
      release,
      name,
      env: armEnvironment({
        ...{ arm: name, release, addresses, live, outbound, env, enforcement },
        guardLog: this.#guardLog,
        writesLog: this.#writesLog,
      }),
      workDir: this.#appDir,
      logFile: this.logFile,
      preloads: preloads.map(distPath),
      ...(jailed ? { jail: this.#jail(socketDir) } : {}),
      ...(limits === undefined ? {} : { limits }),
    };
  }

  #inJail(): ArmAddresses {
    const { mongo, redis } = this.#mirrors;
    return addressesInJail(this.#guard.doors, { mongo: mongo !== undefined, redis: redis !== undefined });
  }

  #onLoopback(): ArmAddresses {
    const address = (uri: string | undefined): string | undefined =>
      uri === undefined ? undefined : new URL(uri).host;
    return {
      mongo: address(this.#mirrors.mongo?.uri),
      redis: address(this.#mirrors.redis?.uri),
      doors: Object.fromEntries(this.#guard.doors.map((d) => [d.destination, `127.0.0.1:${d.port}`])),
    };
  }

  #jail(socketDir: string): JailSpec {
    const { mongo, redis } = this.#mirrors;
    const bridges = [
      { port: INNER_PORTS.mongo, socket: mongo?.socketPath },
      { port: INNER_PORTS.redis, socket: redis?.socketPath },
      ...this.#guard.doors.map(({ socket }, i) => ({ port: INNER_PORTS.firstDoor + i, socket })),
    ];
    return {
      bridges: bridges.flatMap(({ port, socket }) => (socket === undefined ? [] : [{ port, socket }])),
      inwardSocket: join(socketDir, 'in'),
      writable: [],
    };
  }
}
