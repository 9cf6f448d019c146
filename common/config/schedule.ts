import { CronExpressionParser } from 'cron-parser';
import { messageOf } from '../errors.js';

export interface Schedule {
  /** Five fields, or six with seconds first. */
  readonly schedule: string;
  /** IANA name. */
  readonly timezone: string;
}

/** Why it cannot be, or never comes due; undefined where it can. */
export function scheduleProblem({ schedule, timezone }: Schedule, now = Date.now()): string | undefined {
  // cron-parser takes an empty text and missing fields for "every", which nobody means.
  if (typeof schedule !== 'string' || ![5, 6].includes(schedule.trim().split(/\s+/).length))
    return 'five or six fields are wanted';
  try {
    return Number.isFinite(nextRun({ schedule, timezone }, now)) ? undefined : 'it never comes due';
  } catch (error) {
    return messageOf(error);
  }
}

/** When it comes due first after `after`; ms since 1970. */
export function nextRun({ schedule, timezone }: Schedule, after: number): number {
  return CronExpressionParser.parse(schedule, { currentDate: new Date(after), tz: timezone })
    .next()
    .getTime();
}

/** All times it comes due after `from` and not after `to`, at most `most` of them. */
export function runsBetween(schedule: Schedule, from: number, to: number, most: number): number[] {
  const runs: number[] = [];
  for (let at = nextRun(schedule, from); at <= to && runs.length < most; at = nextRun(schedule, at))
    runs.push(at);
  return runs;
}
