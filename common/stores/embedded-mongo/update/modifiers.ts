import { isDoc, type Doc } from '../bson/types.js';
import { fault } from '../errors.js';
import { parsePath, type Path } from '../query/paths.js';
import { checkFiltersUsed, expandPath, type ExpandContext } from './array-filters.js';
import { ARRAY_MODIFIERS } from './array-modifiers.js';
import { FIELD_MODIFIERS } from './field-modifiers.js';
import { REMOVE, type CompileModifier, type Modify } from './modifier.js';
import { cloneValue, getPath, setPath, unsetPath } from './path-edit.js';

interface Edit {
  readonly operator: string;
  readonly path: Path;
  readonly modify: Modify;
}

const MODIFIERS: Readonly<Record<string, CompileModifier>> = { ...FIELD_MODIFIERS, ...ARRAY_MODIFIERS };

/** Compiles an update made of operators (`{$set: …}`): gives the changed copy of a document. */
export function compileModifiers(update: Doc, expand: ExpandContext): (doc: Doc, insert: boolean) => Doc {
  const edits: Edit[] = [];
  const renames: (readonly [Path, Path])[] = [];
  for (const [operator, operands] of Object.entries(update)) {
    checkOperator(operator);
    if (!isDoc(operands))
      return fault(
        9,
        `Modifiers operate on fields but we found type ${typeof operands} instead. For example: {$mod: {<field>: ...}} not {${operator}: ${JSON.stringify(operands)}}`,
      );
    for (const [path, operand] of Object.entries(operands)) {
      if (operator === '$rename') renames.push(renameOf(path, operand));
      else edits.push(compileEdit(operator, path, operand, expand));
    }
  }
  const paths = [...edits.map(({ path }) => path), ...renames.flat()];
  checkConflicts(paths);
  checkFiltersUsed(expand.arrayFilters, paths);
  edits.sort((a, b) => comparePaths(a.path, b.path));
  return (doc, insert) => {
    const copy = cloneValue(doc);
    for (const [from, to] of renames) rename(copy, from, to);
    for (const edit of edits)
      if (insert || edit.operator !== '$setOnInsert') applyEdit(copy, doc, edit, expand);
    return copy;
  };
}

function checkOperator(operator: string): void {
  if (operator !== '$rename' && !Object.hasOwn(MODIFIERS, operator))
    fault(
      9,
      `Unknown modifier: ${operator}. Expected a valid update modifier or pipeline-style update specified as an array`,
    );
}

function compileEdit(operator: string, path: string, operand: unknown, expand: ExpandContext): Edit {
  const compile = MODIFIERS[operator] as CompileModifier;
  return { operator, path: checkedPath(path), modify: compile(operand, path, expand.context) };
}

function checkedPath(text: string): Path {
  const path = parsePath(text);
  if (path.includes(''))
    return fault(56, `The update path '${text}' contains an empty field name, which is not allowed.`);
  for (const part of path)
    if (
      part.startsWith('$') &&
      !/^\$(\[[a-z0-9]\w*\]|\[\])?$/i.test(part) &&
      !['$id', '$ref', '$db'].includes(part)
    )
      fault(52, `The dollar ($) prefixed field '${part}' in '${text}' is not valid for storage.`);
  if (path[0] === '$')
    fault(2, `Cannot have positional (i.e. '$') element in the first position in path '${text}'`);
  return path;
}

function renameOf(from: string, to: unknown): readonly [Path, Path] {
  if (typeof to !== 'string') return fault(2, `The 'to' field for $rename must be a string: ${from}`);
  if (from === to) return fault(2, `The source and target field for $rename must differ: ${from}: "${to}"`);
  return [checkedPath(from), checkedPath(to)];
}

function rename(doc: Doc, from: Path, to: Path): void {
  const value = getPath(doc, from);
  if (value === undefined) return;
  for (const path of [from, to])
    for (let length = 1; length < path.length; length++)
      if (Array.isArray(getPath(doc, path.slice(0, length))))
        fault(2, `The $rename path '${path.join('.')}' must not go through an array`);
  unsetPath(doc, from);
  setPath(doc, to, value);
}

function applyEdit(copy: Doc, original: Doc, edit: Edit, expand: ExpandContext): void {
  for (const path of expandPath(original, edit.path, expand)) {
    const before = getPath(copy, path);
    const after = edit.modify(before, copy);
    if (after === REMOVE) unsetPath(copy, path);
    else if (after !== undefined && after !== before) setPath(copy, path, after);
  }
}

/** Two edits of the same place, or of a place within another's, would depend on their order. */
function checkConflicts(paths: readonly Path[]): void {
  const seen = new Map<string, boolean>();
  for (const path of paths) {
    const full = path.join('.');
    if (seen.has(full)) conflict(full, full);
    for (let length = 1; length < path.length; length++) {
      const prefix = path.slice(0, length).join('.');
      if (seen.get(prefix) === true) conflict(full, prefix);
      seen.set(prefix, false);
    }
    seen.set(full, true);
  }
}

function conflict(path: string, at: string): never {
  return fault(40, `Updating the path '${path}' would create a conflict at '${at}'`);
}

/** New fields appear in this order: names as text, array positions as numbers. */
function comparePaths(a: Path, b: Path): number {
  for (let at = 0; at < Math.min(a.length, b.length); at++) {
    const [x, y] = [a[at] as string, b[at] as string];
    if (x === y) continue;
    const numeric = /^\d+$/.test(x) && /^\d+$/.test(y);
    return numeric ? Number(x) - Number(y) : x < y ? -1 : 1;
  }
  return a.length - b.length;
}
