import { EMPTY_ARRAY, invertKey, keyString, type FoldString } from '../bson/keystring.js';
import { field, isDoc, type Doc } from '../bson/types.js';
import { fault } from '../errors.js';
import { arrayIndex, parsePath, type Path } from '../query/paths.js';

/** One field of an index. */
export interface IndexField {
  readonly name: string;
  readonly path: Path;
  readonly descending: boolean;
}

export function indexFields(key: Doc): readonly IndexField[] {
  return Object.entries(key).map(([name, direction]) => ({
    name,
    path: parsePath(name),
    descending: typeof direction === 'number' && direction < 0,
  }));
}

/** Where one field's walk stands: its value once there, or an array with what of the path is left. */
interface Cursor {
  readonly value: unknown;
  readonly rest: Path;
}

/** The tuples of values by which an index holds a document: one, or one per element where a field is an array. */
export function indexTuples(doc: Doc, fields: readonly IndexField[]): readonly (readonly unknown[])[] {
  const tuples: unknown[][] = [];
  expand(
    fields.map(({ path }) => descend(doc, path)),
    fields,
    tuples,
  );
  return tuples;
}

/** Whether any indexed value of the document is an array on the way or at the end. */
export function isMultikey(doc: Doc, fields: readonly IndexField[]): boolean {
  return fields.some(({ path }) => Array.isArray(descend(doc, path).value));
}

/** Walks down documents until the path or the documents end. A missing value is undefined. */
function descend(start: unknown, path: Path): Cursor {
  let value = start;
  for (let at = 0; at < path.length; at++) {
    const part = path[at] as string;
    if (isDoc(value)) {
      value = field(value, part);
    } else if (Array.isArray(value)) {
      const index = arrayIndex(part);
      if (index === undefined || index >= value.length) return { value, rest: path.slice(at) };
      value = value[index];
    } else {
      return { value: undefined, rest: [] };
    }
  }
  return { value, rest: [] };
}

function expand(cursors: readonly Cursor[], fields: readonly IndexField[], tuples: unknown[][]): void {
  const open = cursors.find((cursor) => Array.isArray(cursor.value));
  if (open === undefined) {
    tuples.push(cursors.map((cursor) => cursor.value));
    return;
  }
  const array = open.value as readonly unknown[];
  if (cursors.some((cursor) => Array.isArray(cursor.value) && cursor.value !== array))
    parallel(cursors, fields);
  if (array.length === 0) {
    tuples.push(cursors.map((cursor) => (cursor.value === array ? emptyValue(cursor) : cursor.value)));
    return;
  }
  for (const item of array)
    expand(
      cursors.map((cursor) => (cursor.value === array ? enter(cursor, item) : cursor)),
      fields,
      tuples,
    );
}

function emptyValue(cursor: Cursor): unknown {
  return cursor.rest.length === 0 ? EMPTY_ARRAY : undefined;
}

/** An element of the array. An array within the array is a value, not entered again. */
function enter(cursor: Cursor, item: unknown): Cursor {
  if (cursor.rest.length === 0) return { value: Array.isArray(item) ? new Nested(item) : item, rest: [] };
  return isDoc(item) ? descend(item, cursor.rest) : { value: undefined, rest: [] };
}

/** Keeps an array that is a value from being taken for one to enter. */
class Nested {
  constructor(readonly array: readonly unknown[]) {}
}

function parallel(cursors: readonly Cursor[], fields: readonly IndexField[]): never {
  const names = fields.filter((_, at) => Array.isArray(cursors[at]?.value)).map(({ name }) => `[${name}]`);
  return fault(171, `cannot index parallel arrays ${names.join(' ')}`);
}

/** The key of one field's value within an index. */
export function fieldKey(value: unknown, descending: boolean, fold: FoldString | undefined): string {
  const key = keyString(value instanceof Nested ? value.array : value, fold);
  return descending ? invertKey(key) : key;
}

export function tupleKey(
  tuple: readonly unknown[],
  fields: readonly IndexField[],
  fold: FoldString | undefined,
): string {
  let key = '';
  for (let at = 0; at < fields.length; at++)
    key += fieldKey(tuple[at], (fields[at] as IndexField).descending, fold);
  return key;
}

/** The value a duplicate-key error shows. */
export function shownValue(value: unknown): unknown {
  if (value instanceof Nested) return value.array;
  return value === undefined || value === EMPTY_ARRAY ? null : value;
}
