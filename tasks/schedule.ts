import { scheduleProblem, type Schedule } from '../common/config/schedule.js';
import { taskError } from './errors.js';

export { nextRun, runsBetween, type Schedule } from '../common/config/schedule.js';

/** That it can be, and comes due some day. Error: CRON_INVALID. */
export function checkSchedule({ schedule, timezone }: Schedule, now = Date.now()): void {
  const problem = scheduleProblem({ schedule, timezone }, now);
  if (problem === undefined) return;
  throw taskError(
    'CRON_INVALID',
    `"${schedule}" in ${timezone} is no schedule`,
    problem,
    'Write minute, hour, day of month, month and day of week ("0 3 * * *"), and a time zone such as Europe/Berlin.',
  );
}
