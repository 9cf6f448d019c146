import type { Four, Observation } from '../compare/observation.js';
import { BY_FAR, movedTogether, spreadOf } from './movement.js';

/**
 * Ages: numbers counted from a moment that each arm took once (`memberForMs`). They differ by as much as those moments
 * did, every time they are shown, so that one draw of chance looks like a difference that stays. An age is known by what
 * only the clock does: shown again, it has grown (or what is left has shrunk) alike in all arms, or as the arms' clocks did.
 */
export interface AgeEvidence {
  /** What was shown last, in each arm. */
  readonly showings: readonly Showing[];
  readonly isAge: boolean;
}

/** When an arm was at work on an exchange, milliseconds since 1970. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** What was shown in one exchange. */
export interface Showing {
  readonly numbers: Four<number>;
  /** Undefined: not known. */
  readonly spans: Four<Span> | undefined;
}

export const NO_AGE: AgeEvidence = { showings: [], isAge: false };

/** A place shows more than one thing's age: how many showings may lie between two of one thing. */
const KEPT_SHOWINGS = 8;

/** Clocks are read in whole milliseconds, at either end. */
const ROUNDING_MS = 1;

/** Four numbers no farther apart than the arms' moments; undefined: not that. */
export function asAges({ feature, raw, explained }: Observation, skewMs: number): Four<number> | undefined {
  if (feature !== 'value' || explained !== undefined || raw.length !== 4) return undefined;
  if (!raw.every((text) => /^-?\d+(?:\.\d+)?$/.test(text))) return undefined;
  const numbers = raw.map(Number) as unknown as Four<number>;
  return spreadOf(numbers) <= skewMs ? numbers : undefined;
}

/** The evidence after one more showing. */
export function showAge({ showings, isAge }: AgeEvidence, now: Showing): AgeEvidence {
  return {
    showings: [...showings, now].slice(-KEPT_SHOWINGS),
    isAge: isAge || showings.some((earlier) => goesOn(earlier, now)),
  };
}

/**
 * Whether it may be the age of something that was shown before: by as much as the arms' clocks it has moved, as nearly as
 * can be told. Then the moments it is counted from were drawn before, too, and it is no other draw.
 */
export function mayGoOn({ showings }: AgeEvidence, now: Showing): boolean {
  return showings.some((earlier) => movedByClock(earlier, now, Infinity));
}

function goesOn(earlier: Showing, now: Showing): boolean {
  return (
    movedTogether(earlier.numbers, now.numbers, Math.max(spreadOf(now.numbers), 1)) ||
    movedByClock(earlier, now, 1 / BY_FAR)
  );
}

/** `vagueness`: what of a movement may be unknown, at most. */
function movedByClock(earlier: Showing, now: Showing, vagueness: number): boolean {
  const [was, is] = [earlier.spans, now.spans];
  if (was === undefined || is === undefined) return false;
  return [1, -1].some((sign) =>
    now.numbers.every((number, side) => {
      const moved = sign * (number - earlier.numbers[side]!);
      const least = is[side]!.from - was[side]!.to - ROUNDING_MS;
      const most = is[side]!.to - was[side]!.from + ROUNDING_MS;
      return least <= moved && moved <= most && most - least <= vagueness * Math.abs(moved);
    }),
  );
}
