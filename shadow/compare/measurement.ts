/**
 * What an app measures of itself and its work while it answers (how long it took, how much memory it has): random by
 * nature, and more like within a release than between two.
 */

/** Units of time and of size, as apps write them behind a number. */
const UNIT = '(?:ns|µs|μs|us|ms|s|sec|secs|seconds|m|min|mins|minutes|h|d|%|(?:[kKMGT]i?)?B|bytes)';

/** A decimal number, with thousands grouped or not. */
const NUMBER = '[+~-]?\\d+(?:,\\d{3})*(?:\\.\\d+)?(?:e[+-]?\\d+)?';

/** The source of a pattern for a number and its unit, wherever in a text they stand. It has no groups. */
export const MEASUREMENT_FORM = `(?<![\\w.])${NUMBER} ?${UNIT}(?![\\w])`;

const MEASUREMENT = new RegExp(`^${NUMBER}( ?)(${UNIT})$`);

/** Number and unit as they are written: `9ms`, `9 ms`; undefined: no measurement. */
export function measurementForm(text: string): string | undefined {
  const match = MEASUREMENT.exec(text);
  return match === null ? undefined : `9${match[1]!}${match[2]!}`;
}

/** Numbers in a text, for texts that are the same but for what was measured. */
export function withoutAmounts(text: string): string {
  return text.replace(/\d+(?:\.\d+)?/g, '9');
}

/** Header fields that tell how long an answer took, and fields by which Node tells what a process has. */
const MEASUREMENTS =
  /^header:(?:server-timing|x-response-time|x-runtime|x-request-time)$|^body:.*\.(?:rss|heapUsed|heapTotal|mem\w*\.external|arrayBuffers|freemem|loadavg|uptime|cpuUsage)(?:\[\*\])?$/;

/** Whether a place says by its name that it is such a measurement. */
export function namesMeasurement(general: string): boolean {
  return MEASUREMENTS.test(general);
}

/** A bare `duration` is more often a film's than an answer's. */
const DURATIONS = /\.(?:took|elapsed|latency|responseTime|processingTime)(?:Ms|Us|Ns|_ms|_us|_ns)?$/;

/**
 * Whether a value may well be how long something took: fractions of a second, or a field of such a name. A constant may
 * look so too, so that more than one exchange is needed, and no more than that.
 */
export function mayBeDuration(general: string, texts: readonly string[]): boolean {
  if (DURATIONS.test(general)) return true;
  return texts.every(
    (text) => text.endsWith('s') && /^9 ?(?:ns|µs|μs|us|ms)$/.test(measurementForm(text) ?? ''),
  );
}
