import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  DharmaError,
  ExitCode,
  distPath,
  messageOf,
  startRecorder,
  type AppLauncher,
  type Logger,
  type Release,
  type ReleaseStore,
  type ShadowReport,
} from '../../common/index.js';
import type { PrepareArms } from '../arms-contract.js';
import { PushSource } from '../capture/push-source.js';
import { runShadow } from '../upgrade.js';
import { play } from './player.js';
import { parseRequests } from './requests.js';

/** As an app runs in production, wherever the try runs. */
const BASE_ENV = { NODE_ENV: 'production', TZ: 'UTC' };

/** Stores of one run's own. The owner must `close()` them. */
export interface TryStores {
  readonly mongo?: string;
  readonly redis?: string;
  close(): Promise<void>;
}

export interface TryOptions {
  /** The app as it is: package.json, and `npm start` or `main`. */
  readonly appDir: string;
  /** The package.json of the update. */
  readonly newPackageFile: string;
  readonly requestsFile: string;
  /** Requests under way at once. Default 1. */
  readonly concurrency?: number;
  /** Env of the app; addresses (http, https) in it are recorded at live and guarded in the arms. */
  readonly env?: Readonly<Record<string, string>>;
  readonly arms?: '2x2' | '1x1';
  readonly determinism?: boolean;
  readonly unguarded?: boolean;
  /** An empty folder; what is put there is removed. */
  readonly workDir: string;
  readonly releases: ReleaseStore;
  readonly launcher: AppLauncher;
  /** Starts empty stores for live below the folder given. */
  readonly startStores: (dir: string, signal: AbortSignal) => Promise<TryStores>;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly onProgress?: (step: string) => void;
  readonly prepare: PrepareArms;
}

/**
 * Runs a whole shadow upgrade without a federation: installs the app twice, starts live, plays the requests at it, and
 * gives what it captured to the same engine as a running federation would. Leaves nothing behind but the releases.
 */
export async function tryUpgrade(options: TryOptions): Promise<ShadowReport> {
  const requests = parseRequests(await readRequests(options.requestsFile), options.requestsFile);
  await checkPackageFile(options.newPackageFile);
  await mkdir(options.workDir, { recursive: true, mode: 0o700 });
  options.onProgress?.('installing both releases');
  const old = await options.releases.create(options.appDir, { signal: options.signal });
  const fresh = await createUpdated(options);
  const closers: (() => Promise<void>)[] = [];
  const owned = <T>(value: T, close: (value: T) => Promise<void>): T => {
    closers.unshift(() => close(value));
    return value;
  };
  try {
    options.onProgress?.('starting live and the arms');
    const stores = owned(await options.startStores(join(options.workDir, 'stores'), options.signal), (s) =>
      s.close(),
    );
    const destinations = destinationsOf(options, old);
    const recorder = owned(await startRecorder({ destinations, log: options.log }), (r) => r.close());
    const live = owned(
      await options.launcher.launch(
        {
          release: old,
          name: 'live',
          env: {
            ...BASE_ENV,
            ...options.env,
            ...recorder.env,
            ...storeEnv(old, stores),
            DHARMA_OUTBOUND: recorder.addresses.join(','),
          },
          workDir: join(options.workDir, 'live'),
          logFile: join(options.workDir, 'live.log'),
          preloads: [distPath('common/preload/context.js')],
        },
        options.signal,
      ),
      (app) => app.stop(),
    );
    const source = new PushSource();
    const run = owned(
      await runShadow({
        upgrade: 'try',
        workDir: join(options.workDir, 'shadow'),
        old,
        new: fresh,
        live: stores,
        outboundUrls: recorder.env,
        env: { ...BASE_ENV, ...plainEnv(options.env ?? {}) },
        exchanges: source,
        outbound: recorder.source,
        launcher: options.launcher,
        arms: options.arms ?? '2x2',
        determinism: options.determinism ?? true,
        unguarded: options.unguarded ?? false,
        forwarded: false,
        eachApart: true,
        log: options.log,
        signal: options.signal,
        indexOf: (exchange) => Number.parseInt(exchange.id, 16),
        onProgress: (status) => options.onProgress?.(`${status.step}: ${status.ledger.compared} compared`),
        prepare: options.prepare,
      }),
      (r) => r.stop(),
    );
    if (!(await isReady(run))) return await run.report();
    await play({
      requests,
      target: live.target,
      concurrency: options.concurrency ?? 1,
      source,
      signal: options.signal,
    });
    await run.drained();
    const { error } = run.status();
    if (error !== undefined) throw new DharmaError(error);
    return await run.report();
  } finally {
    for (const close of closers) await close();
    await rm(options.workDir, { recursive: true, force: true });
  }
}

/** False: the new release does not start, which the report tells. Any other failure is thrown. */
async function isReady(run: { ready(): Promise<void>; report(): Promise<ShadowReport> }): Promise<boolean> {
  try {
    await run.ready();
    return true;
  } catch (error) {
    if ((await run.report()).verdict === 'differs') return false;
    throw error;
  }
}

async function readRequests(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new DharmaError({
      code: 'REQUESTS_NOT_READABLE',
      message: `the requests file cannot be read`,
      found: file,
      remedy: 'Give the path of a JSONL file with --requests.',
      exitCode: ExitCode.usage,
      cause: error,
    });
  }
}

/** Said of the operator's own file, before it is copied beside the app. Error: PACKAGE_FILE_INVALID. */
async function checkPackageFile(file: string): Promise<void> {
  try {
    JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new DharmaError({
      code: 'PACKAGE_FILE_INVALID',
      message: `the package.json of the update cannot be read: ${messageOf(error)}`,
      found: file,
      remedy: 'Give the path of a package.json with --to.',
      exitCode: ExitCode.usage,
      cause: error,
    });
  }
}

/** The app with the other package.json, as a release of its own. */
async function createUpdated(options: TryOptions): Promise<Release> {
  const dir = await mkdtemp(join(options.workDir, 'new-'));
  try {
    await cp(options.appDir, dir, {
      recursive: true,
      filter: (path) => !/(^|\/)(node_modules|package-lock\.json)$/.test(path.slice(options.appDir.length)),
    });
    await cp(options.newPackageFile, join(dir, 'package.json'));
    return await options.releases.create(dir, { signal: options.signal });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Env variable → its real address; OUTBOUND_URL stands for an app's calls also where nobody gives it one. */
function destinationsOf(options: TryOptions, old: Release): Record<string, string | undefined> {
  const given = Object.entries(options.env ?? {}).filter(([, value]) => isAddress(value));
  return { OUTBOUND_URL: undefined, ...old.manifest.outbound, ...Object.fromEntries(given) };
}

function plainEnv(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => !isAddress(value)));
}

function isAddress(value: string): boolean {
  return /^https?:\/\//.test(value);
}

function storeEnv(release: Release, stores: TryStores): Record<string, string> {
  const { mongo, redis } = release.manifest.stores;
  return {
    ...(stores.mongo === undefined ? {} : { [mongo]: stores.mongo }),
    ...(stores.redis === undefined ? {} : { [redis]: stores.redis }),
  };
}
