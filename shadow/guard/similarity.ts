import type { OutboundCall } from '../../common/index.js';

/** What of a call tells which recorded call it is the same as. */
export type CallShape = Pick<OutboundCall, 'method' | 'destination' | 'target' | 'requestBody'>;

/**
 * How alike two calls are, 0 to 1; 0: not the same call. The path must be the same but for segments that look like ids,
 * which live and an arm issue differently. Then query and body count by the share of fields that agree. Pure.
 */
export function similarity(a: CallShape, b: CallShape): number {
  if (a.method !== b.method || a.destination !== b.destination) return 0;
  const [pathA, queryA] = splitTarget(a.target);
  const [pathB, queryB] = splitTarget(b.target);
  const path = pathSimilarity(pathA, pathB);
  if (path === 0) return 0;
  const fields = share(
    new Set([...fieldsOfQuery(queryA), ...fieldsOfBody(a.requestBody)]),
    new Set([...fieldsOfQuery(queryB), ...fieldsOfBody(b.requestBody)]),
  );
  // Half for being at the right place at all, so that a body that shares nothing is still a candidate.
  return (path + fields) / 2;
}

/** A request target's path and query. */
export function splitTarget(target: string): [path: string, query: string] {
  const mark = target.indexOf('?');
  return mark < 0 ? [target, ''] : [target.slice(0, mark), target.slice(mark + 1)];
}

function pathSimilarity(a: string, b: string): number {
  if (a === b) return 1;
  const [left, right] = [a.split('/'), b.split('/')];
  if (left.length !== right.length) return 0;
  let same = 0;
  for (const [i, segment] of left.entries()) {
    if (segment === right[i]) same += 1;
    else if (!looksIssued(segment) || !looksIssued(right[i]!)) return 0;
  }
  return same / left.length;
}

/** Whether text may be an id that somebody made up: it holds a digit, or is long. Words of a path are neither. */
export function looksIssued(text: string): boolean {
  return /\d/.test(text) || text.length >= 20;
}

function fieldsOfQuery(query: string): string[] {
  return query === '' ? [] : query.split('&').map((field) => `?${field}`);
}

function fieldsOfBody(body: Uint8Array): Iterable<string> {
  if (body.length === 0) return [];
  const text = Buffer.from(body).toString('utf8');
  return leavesOf(text)?.map(([path, value]) => `${path}=${value}`) ?? text.split(/[^\w.-]+/);
}

/** The leaves of a JSON or form body, path and value as text; undefined when it is neither. */
export function leavesOf(text: string): [path: string, value: string][] | undefined {
  if (/^\s*[[{]/.test(text)) {
    try {
      return jsonLeaves(JSON.parse(text) as unknown, '$');
    } catch {
      return undefined; // It only looked like JSON.
    }
  }
  if (/^[\w.~%+[\]*-]+=[^\s]*$/.test(text)) return [...new URLSearchParams(text)];
  return undefined;
}

function jsonLeaves(value: unknown, path: string): [string, string][] {
  if (value === null || typeof value !== 'object') return [[path, String(value)]];
  return Object.entries(value).flatMap(([key, inner]) => jsonLeaves(inner, `${path}.${key}`));
}

/** The share of all members that both have; of nothing at all, everything agrees. */
function share(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  if (a.size === 0 && b.size === 0) return 1;
  let both = 0;
  for (const member of a) if (b.has(member)) both += 1;
  return both / (a.size + b.size - both);
}
