import { field, isDoc } from '../bson/types.js';

/** A dotted path taken apart once, since it is walked for every document. */
export type Path = readonly string[];

export function parsePath(path: string): Path {
  return path.split('.');
}

/** The array index a part of a path can be, if it can be one. */
export function arrayIndex(part: string): number | undefined {
  return /^(0|[1-9]\d*)$/.test(part) ? Number(part) : undefined;
}

/**
 * The values a query path reaches: arrays on the way are entered (each element, or the one a number names), the last
 * value is not taken apart. A document without the field gives undefined; an array gives nothing for elements that
 * are no documents.
 */
export function pathValues(root: unknown, path: Path): readonly unknown[] {
  if (path.length === 1 && isDoc(root)) return [field(root, path[0] as string)];
  const found: unknown[] = [];
  walk(root, path, 0, found);
  return found;
}

function walk(value: unknown, path: Path, at: number, found: unknown[]): void {
  const part = path[at];
  if (part === undefined) {
    found.push(value);
  } else if (Array.isArray(value)) {
    walkArray(value, path, at, found);
  } else if (isDoc(value)) {
    const inner = field(value, part);
    if (inner === undefined) found.push(undefined);
    else walk(inner, path, at + 1, found);
  } else {
    found.push(undefined);
  }
}

function walkArray(array: readonly unknown[], path: Path, at: number, found: unknown[]): void {
  const index = arrayIndex(path[at] as string);
  if (index !== undefined && index < array.length) walk(array[index], path, at + 1, found);
  for (const item of array) if (isDoc(item)) walk(item, path, at, found);
}

/**
 * The value of an aggregation path (`$a.b`): an array on the way gives the array of what its elements hold; numbers
 * are plain field names.
 */
export function expressionPath(root: unknown, path: Path, from = 0): unknown {
  let value = root;
  for (let at = from; at < path.length; at++) {
    if (Array.isArray(value)) {
      const rest = at;
      return value.map((item) => expressionPath(item, path, rest)).filter((item) => item !== undefined);
    }
    if (!isDoc(value)) return undefined;
    value = field(value, path[at] as string);
  }
  return value;
}
