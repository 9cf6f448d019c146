import {
  DharmaError,
  runsBetween,
  scheduleProblem,
  type DharmaErrorJson,
  type Schedule,
} from '../../common/index.js';
import { LONGEST_RUN_MS, type CronStart } from './cron-cost.js';

/** A cron as its app announces it. */
export interface AnnouncedCron extends Schedule {
  readonly name: string;
}

/** What comes due more often within the longest run is the ordinary, and no run of its own is seen to end. */
const MOST_RUNS = 120;

/** Runs that may be under way at `at`, and those until `aheadMs` later. What cannot be is told. Pure. */
export function startsOf(
  crons: readonly AnnouncedCron[],
  at: number,
  aheadMs: number,
): { readonly starts: readonly CronStart[]; readonly faults: readonly DharmaErrorJson[] } {
  const starts: CronStart[] = [];
  const impossible: { readonly cron: AnnouncedCron; readonly problem: string }[] = [];
  for (const cron of crons) {
    const problem = scheduleProblem(cron, at);
    if (problem !== undefined) {
      impossible.push({ cron, problem });
      continue;
    }
    const runs = runsBetween(cron, at - LONGEST_RUN_MS, at + aheadMs, MOST_RUNS);
    if (runs.length < MOST_RUNS) starts.push(...runs.map((run) => ({ name: cron.name, at: run })));
  }
  return { starts, faults: impossible.length === 0 ? [] : [cronInvalid(impossible)] };
}

function cronInvalid(
  all: readonly { readonly cron: AnnouncedCron; readonly problem: string }[],
): DharmaErrorJson {
  const names = all.map(({ cron }) => cron.name).join(', ');
  const [what, it] = all.length === 1 ? ['the cron', 'it'] : ['the crons', 'them'];
  return new DharmaError({
    code: 'CRON_INVALID',
    message: `${what} ${names} can never come due: nothing is made ready for ${it}`,
    found: all
      .map(({ cron, problem }) => `${cron.name}: "${cron.schedule}" in ${cron.timezone}: ${problem}`)
      .join('; '),
    remedy: `Correct ${it} where the app defines ${it} (defineCron, or crons in dharma.json).`,
  }).toJSON();
}
