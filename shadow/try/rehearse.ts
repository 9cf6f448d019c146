import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  DharmaError,
  distPath,
  startRecorder,
  type AcceptedRule,
  type AppLauncher,
  type Logger,
  type Release,
  type ShadowReport,
} from '../../common/index.js';
import type { PrepareArms } from '../arms-contract.js';
import { PushSource } from '../capture/push-source.js';
import { isReady } from '../readiness.js';
import { runShadow } from '../upgrade.js';
import { play } from './player.js';
import type { PlayedRequest } from './requests.js';

/** As an app runs in production, wherever the try runs. */
const BASE_ENV = { NODE_ENV: 'production', TZ: 'UTC' };

/** Stores of one run's own. The owner must `close()` them. */
export interface TryStores {
  readonly mongo?: string;
  readonly redis?: string;
  close(): Promise<void>;
}

export interface RehearsalOptions {
  readonly requests: readonly PlayedRequest[];
  /** Requests under way at once. Default 1. */
  readonly concurrency?: number;
  /** Env of the app; addresses (http, https) in it are recorded at live and guarded in the arms. */
  readonly env?: Readonly<Record<string, string>>;
  readonly arms: '2x2' | '1x1';
  /** Rules of what is accepted. */
  readonly accepted?: readonly AcceptedRule[];
  /** What the report does not keep, besides what the manifests name. */
  readonly redact?: readonly string[];
  readonly determinism?: boolean;
  readonly unguarded?: boolean;
  /** A folder that is made, and removed at the end. */
  readonly workDir: string;
  readonly launcher: AppLauncher;
  /** Starts empty stores for live below the folder given. */
  readonly startStores: (dir: string, signal: AbortSignal) => Promise<TryStores>;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly onProgress?: ((step: string) => void) | undefined;
  readonly prepare: PrepareArms;
}

/** Starts `old` as live with stores of its own, plays the requests at it, and reports what `fresh` makes of their copies. */
export async function rehearse(
  options: RehearsalOptions,
  old: Release,
  fresh: Release,
): Promise<ShadowReport> {
  await mkdir(options.workDir, { recursive: true, mode: 0o700 });
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
        arms: options.arms,
        determinism: options.determinism ?? true,
        accepted: options.accepted ?? [],
        redact: options.redact ?? [],
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
      requests: options.requests,
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

/** Env variable → its real address; OUTBOUND_URL stands for an app's calls also where nobody gives it one. */
function destinationsOf(options: RehearsalOptions, old: Release): Record<string, string | undefined> {
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
