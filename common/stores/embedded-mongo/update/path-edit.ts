import { field, isDoc, setField, type Doc } from '../bson/types.js';
import { fault } from '../errors.js';
import { arrayIndex, type Path } from '../query/paths.js';

/** mongod refuses to fill an array with more nulls than this. */
const MAX_PADDING = 1_500_000;

/** A deep copy of documents and arrays; scalar values are never changed in place and are shared. */
export function cloneValue<T>(value: T): T {
  if (Array.isArray(value)) return value.map(cloneValue) as T;
  if (!isDoc(value)) return value;
  const copy: Doc = {};
  for (const name of Object.keys(value)) setField(copy, name, cloneValue(value[name]));
  return copy as T;
}

/** The value at a concrete path; undefined where there is none. */
export function getPath(root: Doc, path: Path): unknown {
  let value: unknown = root;
  for (const part of path) value = member(value, part);
  return value;
}

function member(container: unknown, part: string): unknown {
  if (Array.isArray(container)) {
    const index = arrayIndex(part);
    return index === undefined ? undefined : (container[index] as unknown);
  }
  return isDoc(container) ? field(container, part) : undefined;
}

/** Sets the value at a concrete path, making documents on the way. Throws PathNotViable where a scalar is in the way. */
export function setPath(root: Doc, path: Path, value: unknown): void {
  let container: unknown = root;
  for (let at = 0; at < path.length - 1; at++) {
    const part = path[at] as string;
    let next = member(container, part);
    if (next === undefined) {
      next = {};
      put(container, part, next, path);
    }
    container = next;
  }
  put(container, path.at(-1) as string, value, path);
}

function put(container: unknown, part: string, value: unknown, path: Path): void {
  if (Array.isArray(container)) {
    const index = arrayIndex(part);
    if (index === undefined) return notViable(container, part, path);
    if (index - container.length > MAX_PADDING)
      fault(2, `can't add more than ${MAX_PADDING} null values to an array`);
    while (container.length < index) container.push(null);
    container[index] = value;
  } else if (isDoc(container)) {
    setField(container, part, value);
  } else {
    notViable(container, part, path);
  }
}

function notViable(container: unknown, part: string, path: Path): never {
  const at = path.slice(0, path.indexOf(part)).at(-1) ?? '';
  return fault(28, `Cannot create field '${part}' in element {${at}: ${JSON.stringify(container)}}`);
}

/** Removes what is at a concrete path: a field goes, an array's element becomes null. */
export function unsetPath(root: Doc, path: Path): void {
  const container = getPath(root, path.slice(0, -1));
  const last = path.at(-1) as string;
  if (Array.isArray(container)) {
    const index = arrayIndex(last);
    if (index !== undefined && index < container.length) container[index] = null;
  } else if (isDoc(container)) {
    delete container[last];
  }
}
