import type { Four } from './observation.js';

/** Fields that say of themselves that they hold milliseconds. */
const MILLISECONDS = /(?:Ms|MS|Millis|Milliseconds|[._-]ms|[._-]millis|[._-]milliseconds)$/;

/** Spans of time are set in whole minutes; in whole seconds as well, but so are prices in cents. */
const UNIT_MS = 60_000;

/** Of all numbers, so many may be taken for what is left of a whole unit. */
const MOST_TAKEN = 1 / 50;

/** Clocks are read in whole milliseconds. */
const ROUNDING_MS = 1;

/**
 * Numbers of milliseconds that may hang on the moment at which an arm read its clock: no farther apart than the arms were
 * in time, and named so, or what is left of a whole number of minutes (a cookie's `originalMaxAge` of
 * 2591999999). One exchange tells nothing of them.
 */
export function mayBeOfMoment(
  general: string,
  values: Four<string | number | boolean>,
  skewMs: number,
): boolean {
  if (!values.every((value) => typeof value === 'number')) return false;
  const most = Math.max(...values);
  const least = Math.min(...values);
  const within = skewMs + ROUNDING_MS;
  if (most - least > within) return false;
  if (MILLISECONDS.test(general)) return true;
  const left = Math.ceil(most / UNIT_MS) * UNIT_MS - least;
  return most > 0 && left <= Math.min(within, UNIT_MS * MOST_TAKEN);
}
