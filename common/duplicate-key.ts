const DUPLICATE_KEY = 11000;

/** Whether MongoDB refused a write because of a unique index. Told by its code alone, so that only who has a database loads its driver. */
export function isDuplicateKey(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === DUPLICATE_KEY;
}
