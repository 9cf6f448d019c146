/** Points in time as answers write them. */
export interface TimeText {
  /** Milliseconds since 1970. */
  readonly ms: number;
  /** The finest step the form can tell, ms. */
  readonly stepMs: number;
  /** What one is of, for a number of units since 1970, ms. */
  readonly unitMs?: number;
}

const ISO = /\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?/;
const HTTP = /[A-Z][a-z]{2}, \d\d[ -][A-Z][a-z]{2}[ -]\d{2,4} \d\d:\d\d:\d\d (?:GMT|[+-]\d{4})/;
/** As `Date` of JavaScript writes itself. */
const DATE = /[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d{4} \d\d:\d\d:\d\d GMT[+-]\d{4}(?: \([^()]*\))?/;

/** The source of a pattern for the written forms of a time, wherever in a text they stand. It has no groups. */
export const TIME_FORMS = [ISO, HTTP, DATE].map(({ source }) => source).join('|');

const WHOLE = new RegExp(`^(?:${TIME_FORMS})$`);

/** Numbers count as times only around now: ten years either way, in s, ms, µs. */
const YEARS_10_MS = 10 * 366 * 86_400_000;

/** Reads a whole text as a point in time; undefined when it is none. */
export function parseTimeText(text: string, nowMs: number): TimeText | undefined {
  if (WHOLE.test(text)) {
    const ms = Date.parse(text);
    return Number.isNaN(ms) ? undefined : { ms, stepMs: /:\d\d\.\d/.test(text) ? 1 : 1000 };
  }
  // Redis names the entries of a stream by its clock: `<ms>-<number>`.
  return /^(?:\d{10,16}(?:\.\d+)?|\d{13}-\d+)$/.test(text)
    ? parseTimeNumber(Number.parseFloat(text), nowMs)
    : undefined;
}

/** Reads a number as seconds, milliseconds or microseconds since 1970 when that lies around now. */
export function parseTimeNumber(value: number, nowMs: number): TimeText | undefined {
  for (const [unitMs, stepMs] of [
    [1000, Number.isInteger(value) ? 1000 : 1],
    [1, 1],
    [0.001, 1],
  ] as const) {
    const ms = value * unitMs;
    if (Math.abs(ms - nowMs) < YEARS_10_MS) return { ms, stepMs, unitMs };
  }
  return undefined;
}
