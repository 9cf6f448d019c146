/** By so much more than they are apart must numbers have moved, that chance does not move them so: three bits in each arm. */
export const BY_FAR = 8;

/** Whether the arms' numbers have moved by the same, as what is counted up from something does; `apart`: at least so far apart. */
export function movedTogether(earlier: readonly number[], now: readonly number[], apart: number): boolean {
  const moved = now.map((number, side) => number - earlier[side]!);
  const least = Math.min(...moved.map(Math.abs));
  return least >= BY_FAR * Math.max(spreadOf(moved), apart);
}

export function spreadOf(numbers: readonly number[]): number {
  return Math.max(...numbers) - Math.min(...numbers);
}
