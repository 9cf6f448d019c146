/**
 * What a body, a header block, a document or a key is turned into before it is correlated and compared: JSON-like, so
 * that one walk serves every format.
 */
export type Tree = null | boolean | number | string | readonly Tree[] | { readonly [key: string]: Tree };

export type TreeObject = { readonly [key: string]: Tree };

export function isArray(tree: Tree | undefined): tree is readonly Tree[] {
  return Array.isArray(tree);
}

export function isObject(tree: Tree | undefined): tree is TreeObject {
  return typeof tree === 'object' && tree !== null && !Array.isArray(tree);
}

export type TreeType = 'absent' | 'null' | 'boolean' | 'number' | 'string' | 'array' | 'object';

export function typeOf(tree: Tree | undefined): TreeType {
  if (tree === undefined) return 'absent';
  if (tree === null) return 'null';
  if (Array.isArray(tree)) return 'array';
  return typeof tree as TreeType;
}

/** JSON text with sorted keys: equal for equal trees. */
export function canonical(tree: Tree | undefined): string {
  if (tree === undefined) return '';
  if (isArray(tree)) return `[${tree.map(canonical).join(',')}]`;
  if (isObject(tree)) {
    const keys = Object.keys(tree).sort();
    return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(tree[key])}`).join(',')}}`;
  }
  return JSON.stringify(tree);
}

/** Structural equality. */
export function sameTree(a: Tree | undefined, b: Tree | undefined): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (isArray(a)) return isArray(b) && a.length === b.length && a.every((item, i) => sameTree(item, b[i]));
  return !isArray(b) && sameObject(a, b);
}

/** Walks without making lists of keys: most of what is compared is the same, and there is much of it. */
function sameObject(a: TreeObject, b: TreeObject): boolean {
  let more = 0;
  for (const key in a) {
    if (!Object.hasOwn(a, key)) continue;
    if (!Object.hasOwn(b, key) || !sameTree(a[key], b[key])) return false;
    more += 1;
  }
  for (const key in b) if (Object.hasOwn(b, key)) more -= 1;
  return more === 0;
}

/** `a` → `.a`, `x-y` → `["x-y"]`: one more step of a path. */
export function childPath(path: string, key: string): string {
  return /^[A-Za-z_@#$][\w@#$]*$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`;
}
