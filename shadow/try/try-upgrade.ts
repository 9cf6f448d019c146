import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  DharmaError,
  ExitCode,
  messageOf,
  type Release,
  type ReleaseStore,
  type ShadowReport,
} from '../../common/index.js';
import { attribute, type AttributeOptions } from '../attribute/attribute.js';
import type { Extent } from '../attribute/trials.js';
import { rehearse, type RehearsalOptions } from './rehearse.js';
import { parseRequests } from './requests.js';

export type { TryStores } from './rehearse.js';

export interface TryOptions extends Omit<RehearsalOptions, 'requests' | 'arms'> {
  /** The app as it is: package.json, and `npm start` or `main`. */
  readonly appDir: string;
  /** The package.json of the update. */
  readonly newPackageFile: string;
  readonly requestsFile: string;
  readonly arms?: '2x2' | '1x1';
  /** Find out which changed packages make each difference; its bounds. Default: do not. */
  readonly attribute?: Pick<AttributeOptions, 'deadlineMs' | 'maxTrials'>;
  readonly releases: ReleaseStore;
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
  try {
    const run = (
      next: Release,
      extent: Extent,
      signal: AbortSignal,
      onProgress = options.onProgress,
    ): Promise<ShadowReport> =>
      rehearse(
        {
          ...options,
          ...extent,
          requests: requests.slice(0, extent.requests),
          workDir: join(options.workDir, 'run'),
          signal,
          onProgress,
        },
        old,
        next,
      );
    const whole: Extent = { requests: requests.length, arms: options.arms ?? '2x2' };
    const report = await run(fresh, whole, options.signal);
    if (options.attribute === undefined || report.verdict !== 'differs') return report;
    const attribution = await attribute({
      ...options,
      ...options.attribute,
      report,
      old,
      next: fresh,
      whole,
      // A trial's own steps would only hide which trial it is.
      rehearse: (next, extent, signal) => run(next, extent, signal, undefined),
    });
    return { ...report, attribution };
  } finally {
    await rm(options.workDir, { recursive: true, force: true });
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
