import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import {
  acceptedRulesSchema,
  createLogger,
  DharmaError,
  ExitCode,
  openStores,
  readConfig,
  type Stores,
} from '../../../common/index.js';
import type { TryStores } from '../../../shadow/index.js';
import type { Command } from '../command.js';
import { envOption } from '../env-options.js';
import { durationOption, numberOption, redactOption, textOption } from '../options.js';
import { checkPage, showReport, VERDICT_EXIT, writePage } from '../show-shadow.js';
import { appFolder } from './add-cluster.js';

export const shadowTry: Command = {
  name: 'shadow try',
  summary: 'rehearse an upgrade without a federation, with requests from a file',
  description:
    'Installs the app as it is and with the new package.json, plays the requests at the one, and compares both. Exit code 0: identical, or all that differs is accepted, 1: differs, 3: inconclusive, or it could not be told.',
  options: [
    { flags: '--app <dir>', about: "the app's folder", required: true },
    { flags: '--to <file>', about: 'package.json of the update', required: true },
    { flags: '--requests <file>', about: 'requests, one JSON a line', required: true },
    { flags: '--env <name=value...>', about: 'env of the app' },
    { flags: '--concurrency <n>', about: 'requests under way at once (default: 1)' },
    { flags: '--arms <arms>', about: '2x2 or 1x1 (default: 2x2)', choices: ['2x2', '1x1'] },
    { flags: '--no-determinism', about: "do not give the copies live's time and seeded randomness" },
    {
      flags: '--redact <rule...>',
      about:
        'what the report does not keep: names of header fields, JSON paths such as $.card.number or $..pin',
    },
    { flags: '--unguarded', about: 'go on where this machine cannot keep the copies from the outside' },
    {
      flags: '--attribute',
      about: 'where it differs, try the update in parts and name the packages behind it',
    },
    { flags: '--attribute-timeout <duration>', about: 'how long the parts may be tried (default: 10m)' },
    {
      flags: '--accept <file>',
      about: 'JSON: rules of what is accepted, as shadow accepted --json lists them',
    },
    { flags: '--html <file>', about: 'write the report as a page too' },
  ],
  examples: ['federate shadow try --app ./shop --to new/package.json --requests requests.jsonl --json'],
  // 1 says that old and new differ: what kept it from being told must not be taken for that.
  failureExit: ExitCode.degraded,
  run: async ({ printer, signal }, { options }) => {
    const arms = options.arms === '1x1' ? '1x1' : '2x2';
    const concurrency = numberOption(options, 'concurrency', '--concurrency', { least: 1, most: 1000 }) ?? 1;
    const deadlineMs = durationOption(options, 'attributeTimeout', '--attribute-timeout');
    if (deadlineMs !== undefined && options.attribute !== true) throw nothingToAttribute();
    await checkPage(textOption(options, 'html'));
    const redact = redactOption(options.redact);
    const rules = textOption(options, 'accept');
    const accepted = rules === undefined ? [] : await readConfig(acceptedRulesSchema, rules);
    const appDir = await appFolder(textOption(options, 'app') ?? '');
    const [{ createLauncher, createReleaseStore }, { tryUpgrade }] = await Promise.all([
      import('../../../cluster-agent/index.js'),
      import('../../../shadow/index.js'),
    ]);
    const dir = await mkdtemp(join(tmpdir(), 'dharma-try-'));
    try {
      const report = await tryUpgrade({
        appDir,
        newPackageFile: resolve(textOption(options, 'to') ?? ''),
        requestsFile: resolve(textOption(options, 'requests') ?? ''),
        concurrency,
        env: withoutNulls(envOption(options.env)),
        arms,
        accepted,
        redact,
        determinism: options.determinism !== false,
        unguarded: options.unguarded === true,
        ...(options.attribute === true ? { attribute: deadlineMs === undefined ? {} : { deadlineMs } } : {}),
        workDir: join(dir, 'work'),
        releases: createReleaseStore({ dir: join(dir, 'releases') }),
        launcher: createLauncher(),
        startStores: (storesDir) => liveStores(storesDir, signal),
        // What goes wrong is in the report or in the error; the log's lines would only stand between.
        log: createLogger('try', process.env.DHARMA_LOG ?? 'silent'),
        signal,
        onProgress: (step) => printer.doing(step),
      });
      await writePage(report, textOption(options, 'html'), { accepting: 'not' });
      return { data: report, show: (out) => showReport(report, out), exitCode: VERDICT_EXIT[report.verdict] };
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  },
};

async function liveStores(dir: string, signal: AbortSignal): Promise<TryStores> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const stores: Stores = await openStores({ dir, signal });
  return {
    mongo: `${stores.mongo.uri.replace(/\/$/, '')}/app`,
    redis: stores.redis.uri,
    close: () => stores.close(),
  };
}

function withoutNulls(env: Record<string, string | null>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value ?? '']));
}

function nothingToAttribute(): DharmaError {
  return new DharmaError({
    code: 'USAGE',
    message: '--attribute-timeout says how long --attribute may take, which was not asked for',
    remedy: 'Add --attribute, or leave --attribute-timeout out.',
    exitCode: ExitCode.usage,
  });
}
