// `npm run bench [-- NAME...] [--rounds N] [--seconds S] [--connections C] [--json]`: side-by-side measurements.
// Data on stdout, progress on stderr.
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { assetsEntry, largeAssetsEntry } from './entries/assets.js';
import { cloneEntry } from './entries/clone.js';
import { edgeEntry } from './entries/edge.js';
import type { Entry, EntryResult } from './entries/entry.js';
import { groupingEntry } from './entries/grouping.js';
import { idleEntry } from './entries/idle.js';
import { judgeEntry } from './entries/judge.js';
import { loadStepEntry } from './entries/load-step.js';
import { memoryEntry } from './entries/memory.js';
import { outliersEntry } from './entries/outliers.js';
import { proxyEntry } from './entries/proxy.js';
import { reloadEntry } from './entries/reload.js';
import { reloadLoadEntry } from './entries/reload-load.js';
import { rollbackEntry } from './entries/rollback.js';
import { shadowEntry, shadowFloodEntry } from './entries/shadow.js';
import { sizingEntry } from './entries/sizing.js';
import { tailEntry } from './entries/tail.js';
import { teeEntry, teeStoppedEntry } from './entries/tee.js';
import { tuningEntry } from './entries/tuning.js';
import { h2Entry, handshakeEntry, tlsBytesEntry } from './entries/tls.js';
import { findLoadGenerator } from './load.js';
import { render } from './report.js';

const entries: readonly Entry[] = [
  proxyEntry,
  edgeEntry,
  handshakeEntry,
  tlsBytesEntry,
  h2Entry,
  teeEntry,
  teeStoppedEntry,
  idleEntry,
  assetsEntry,
  largeAssetsEntry,
  shadowEntry,
  shadowFloodEntry,
  judgeEntry,
  memoryEntry,
  cloneEntry,
  rollbackEntry,
  reloadEntry,
  reloadLoadEntry,
  outliersEntry,
  tailEntry,
  sizingEntry,
  loadStepEntry,
  groupingEntry,
  tuningEntry,
];
const USAGE = `usage: npm run bench [-- [NAME...] [--rounds N] [--seconds S] [--connections C] [--json]]

${entries.map(({ name, about }) => `  ${name.padEnd(12)} ${about}`).join('\n')}

Each round loads every subject once; ratios are taken round by round. Keep the machine quiet meanwhile.
`;

class UsageError extends Error {}

function positive(text: string, name: string, most: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > most)
    throw new UsageError(`--${name} ${text}: a whole number from 1 to ${most} is wanted`);
  return value;
}

function readArguments(): {
  chosen: readonly Entry[];
  effort: EntryResult['effort'];
  json: boolean;
  help: boolean;
} {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        rounds: { type: 'string', default: '5' },
        seconds: { type: 'string', default: '3' },
        connections: { type: 'string', default: '64' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    const unknown = positionals.find((name) => !entries.some((entry) => entry.name === name));
    if (unknown !== undefined) throw new UsageError(`there is no benchmark ${unknown}`);
    return {
      chosen: entries.filter(({ name }) => positionals.length === 0 || positionals.includes(name)),
      effort: {
        rounds: positive(values.rounds, 'rounds', 100),
        seconds: positive(values.seconds, 'seconds', 60),
        connections: positive(values.connections, 'connections', 1000),
      },
      json: values.json,
      help: values.help,
    };
  } catch (error) {
    if (error instanceof UsageError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS'))
      throw new UsageError((error as Error).message);
    throw error;
  }
}

async function main(): Promise<void> {
  const { chosen, effort, json, help } = readArguments();
  if (help) {
    process.stdout.write(USAGE);
    return;
  }
  const folder = await mkdtemp(join(tmpdir(), 'dharma-bench-'));
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)
    process.once(signal, () => {
      // What was started dies with this process.
      rmSync(folder, { recursive: true, force: true });
      process.exit(code);
    });
  const results: EntryResult[] = [];
  try {
    const load = findLoadGenerator();
    for (const entry of chosen) {
      const say = (text: string): void => void process.stderr.write(`${text}\n`);
      const result = await entry.run({
        folder: await mkdtemp(join(folder, `${entry.name}-`)),
        load,
        effort,
        say,
      });
      results.push(result);
      if (!json) process.stdout.write(`${render(result)}\n`);
    }
    if (json) process.stdout.write(`${JSON.stringify(results, undefined, 2)}\n`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n\n${USAGE}`);
  process.exitCode = 2;
});
