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

/** Of the disk that captured exchanges may take, so much is for those that are kept to be replayed again, for attribution. */
export const KEPT_SHARE = 0.25;

/** A part of a budget of which `others()` bytes are held by somebody else. */
export function partOf(whole: DiskBudget, share: number, others: () => number): DiskBudget {
  return (heldBytes) => whole(heldBytes + others()) * share;
}
