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
  const faults: DharmaErrorJson[] = [];
  for (const cron of crons) {
    const problem = scheduleProblem(cron, at);
    if (problem !== undefined) {
      faults.push(impossible(cron, problem));
      continue;
    }
    const runs = runsBetween(cron, at - LONGEST_RUN_MS, at + aheadMs, MOST_RUNS);
    if (runs.length < MOST_RUNS) starts.push(...runs.map((run) => ({ name: cron.name, at: run })));
  }
  return { starts, faults };
}

function impossible({ name, schedule, timezone }: AnnouncedCron, problem: string): DharmaErrorJson {
  return new DharmaError({
    code: 'CRON_INVALID',
    message: `the cron ${name} has no schedule that can be: nothing is made ready for it`,
    found: `"${schedule}" in ${timezone}: ${problem}`,
    remedy: 'Correct it where the app defines it (defineCron, or crons in dharma.json).',
  }).toJSON();
}
