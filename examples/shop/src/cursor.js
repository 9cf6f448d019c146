import { HttpError } from './errors.js';

/** Cursors are opaque to clients: the last row's sort value and id. */
export const encodeCursor = (value, id) => Buffer.from(JSON.stringify([value, id])).toString('base64url');

/** @returns {[unknown, string] | undefined} undefined for no cursor. Throws 400 for one that this shop did not issue. */
export function decodeCursor(text) {
  if (text === undefined) return undefined;
  try {
    const parsed = JSON.parse(Buffer.from(String(text), 'base64url').toString());
    if (Array.isArray(parsed) && parsed.length === 2 && typeof parsed[1] === 'string') return parsed;
  } catch {
    // Falls through: no JSON is as bad as the wrong JSON.
  }
  throw new HttpError(400, 'bad cursor');
}

/** A page size from a query. */
export function pageSize(text, fallback, most) {
  const size = text === undefined ? fallback : Number(text);
  if (!Number.isInteger(size) || size < 1) throw new HttpError(400, 'bad limit');
  return Math.min(size, most);
}
