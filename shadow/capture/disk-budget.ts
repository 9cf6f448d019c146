/** Bytes that captured exchanges may take of the disk, given what they hold of it now. */
export type DiskBudget = (heldBytes: number) => number;

/** Captured exchanges may take a quarter of what is free without them: live, the copies and the arms need the rest. */
export const SPOOL_SHARE = 0.25;

export function fixedBudget(bytes: number): DiskBudget {
  return () => bytes;
}

/**
 * A share of the disk that is free, asked for each time: when others fill the disk, the exchanges give way to them.
 * `free`: what can be taken of the disk now, bytes.
 */
export function shareOfFree(free: () => number): DiskBudget {
  return (heldBytes) => (free() + heldBytes) * SPOOL_SHARE;
}
