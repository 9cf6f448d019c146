import { inspect, isDeepStrictEqual } from 'node:util';
import { EJSON } from 'bson';
import type { Json } from './spec-file.js';

/** Whether `actual` is what the test expects. Root documents may have more fields. */
export function matches(expected: unknown, actual: unknown, root = true): boolean {
  if (Array.isArray(expected))
    return (
      Array.isArray(actual) &&
      expected.length === actual.length &&
      expected.every((item, at) => matches(item, actual[at], root))
    );
  if (
    typeof expected === 'object' &&
    expected !== null &&
    !('_bsontype' in expected) &&
    !(expected instanceof Date)
  )
    return matchesDoc(expected as Json, actual, root);
  return isDeepStrictEqual(plain(expected), plain(actual));
}

function plain(value: unknown): unknown {
  return EJSON.parse(EJSON.stringify([value], { relaxed: true }));
}

function matchesDoc(expected: Json, actual: unknown, root: boolean): boolean {
  const [operator] = Object.keys(expected);
  if (operator === '$$unsetOrMatches')
    return actual === undefined || matches(expected[operator], actual, root);
  if (operator === '$$type') return actual !== undefined;
  if (operator === '$$exists') return (actual !== undefined) === expected[operator];
  if (typeof actual !== 'object' || actual === null) return false;
  const entries = Object.entries(expected);
  const doc = (actual instanceof Map ? Object.fromEntries(actual) : actual) as Json;
  const extra = (name: string): boolean =>
    !(name in expected) && doc[name] !== undefined && name !== 'didUpsert';
  if (!entries.every(([name, value]) => matches(value, doc[name], false))) return false;
  return root || !Object.keys(doc).some(extra);
}

export function shown(value: unknown): string {
  return inspect(value, { depth: 8, breakLength: Infinity });
}
