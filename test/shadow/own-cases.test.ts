import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { distPath, packageRoot, type DifferingRequest, type ShadowReport } from '../../common/index.js';

/**
 * Real upgrades of real packages, each with the truth about it, which was found by running both versions by hand. They
 * are installed from the registry, so a few run by default and all with DHARMA_ALL_CASES=1.
 */
const CASES = join(packageRoot, 'test', 'shadow', 'own-cases');
const DEFAULT_CASES = ['bcryptjs-accounts', 'compression-brotli', 'glob-listing', 'zod-messages'];

/** What the engine does not tell rightly yet: case → the finding. Its test expects just that, so that a cure is noticed. */
const NOT_YET: Readonly<Record<string, string>> = {};

interface Truth {
  /** False: the copies draw and look at the clock for themselves. */
  readonly determinism?: boolean;
  /** Which of `differing` show it is chance (an alphabet): one of them is enough. */
  readonly anyOf?: boolean;
  readonly differing: readonly {
    readonly request: number;
    /** A place, or what it begins with where the rest is random. */
    readonly where: string;
    readonly kind?: string;
  }[];
}

const all = process.env.DHARMA_ALL_CASES === '1';
const names = all ? readdirSync(CASES).sort() : DEFAULT_CASES;

describe('our own cases', { concurrent: all }, () => {
  it.each(names)('%s', { timeout: 300_000 }, async (name) => {
    const release = await slot();
    try {
      const truth = JSON.parse(readFileSync(join(CASES, name, 'truth.json'), 'utf8')) as Truth;
      const deviations = deviationsOf(await runTry(join(CASES, name), truth), truth);
      if (NOT_YET[name] === undefined) expect(deviations).toEqual([]);
      else expect(deviations, `${NOT_YET[name]} is cured: take ${name} off NOT_YET`).not.toEqual([]);
    } finally {
      release();
    }
  });
});

/** Runs the case as a user would. Each case is several apps and stores, so no more of them than cores run at once. */
async function runTry(dir: string, { determinism }: Truth): Promise<ShadowReport> {
  const args = [
    '--app',
    join(dir, 'app'),
    '--to',
    join(dir, 'to.json'),
    '--requests',
    join(dir, 'requests.jsonl'),
    ...(determinism === false ? ['--no-determinism'] : []),
  ];
  const cli = distPath('federator/cli/main.js');
  const child = spawn(process.execPath, [cli, 'shadow', 'try', ...args, '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  expect([0, 1], err + out.slice(0, 2000)).toContain(code);
  return JSON.parse(out) as ShadowReport;
}

/** Where a report and the truth part, in words; empty when they agree request by request and place by place. */
function deviationsOf(report: ShadowReport, truth: Truth): string[] {
  const deviations: string[] = [];
  if (truth.anyOf === true) {
    if (report.differing.length === 0) deviations.push('missed: all');
  } else
    for (const { request, where, kind } of truth.differing) {
      const here = report.differing.filter((one) => one.request === request && isWithin(one.where, where));
      if (here.length === 0) deviations.push(`missed: ${request} ${where}`);
      else if (kind !== undefined && !here.some((one) => one.kind === kind))
        deviations.push(`kind: ${request} ${where} is ${kind}, not ${kindsOf(here)}`);
    }
  for (const { request, where } of report.differing)
    if (!truth.differing.some((one) => one.request === request && isWithin(where, one.where)))
      deviations.push(`false: ${request} ${where}`);
  const verdict = truth.differing.length === 0 ? 'identical' : 'differs';
  if (report.verdict !== verdict) deviations.push(`verdict: ${report.verdict}`);
  if (report.ledger.compared !== report.ledger.captured)
    deviations.push(`ledger: ${JSON.stringify(report.ledger)}`);
  return deviations;
}

/** The whole body may be told where the truth names a place in it, and the other way round. */
function isWithin(told: string, truth: string): boolean {
  return told.startsWith(truth) || truth.startsWith(told);
}

function kindsOf(differing: readonly DifferingRequest[]): string {
  return differing.map(({ kind }) => kind).join(', ');
}

let free = availableParallelism();
const waiting: (() => void)[] = [];

async function slot(): Promise<() => void> {
  if (free > 0) free--;
  else await new Promise<void>((resolve) => waiting.push(resolve));
  return () => {
    const next = waiting.shift();
    if (next === undefined) free++;
    else next();
  };
}
