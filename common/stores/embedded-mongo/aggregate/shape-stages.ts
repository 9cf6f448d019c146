import { isDoc, setField, toNumber, typeName, type Doc } from '../bson/types.js';
import { fault } from '../errors.js';
import type { QueryContext } from '../query/context.js';
import { compileFilter } from '../query/filter.js';
import { compileProjection } from '../query/projection.js';
import { compileSort, sortBy } from '../query/sort.js';
import { getPath } from '../update/path-edit.js';
import { compileExpression } from './expression.js';
import type { CompileStage, Stage, StageEnvironment } from './stage.js';

export function* mapDocs(docs: Iterable<Doc>, map: (doc: Doc) => Doc): Generator<Doc> {
  for (const doc of docs) yield map(doc);
}

/** Adds computed fields, dotted ones inside of documents and of every element of arrays. */
export function compileAddFields(spec: unknown, context: QueryContext): (doc: Doc) => Doc {
  if (!isDoc(spec) || Object.keys(spec).length === 0)
    return fault(40269, '$addFields specification stage must be an object with at least one field');
  const fields = Object.entries(spec).flatMap(([path, value]) => addedFields(path, value, context));
  return (doc) => fields.reduce((result, [path, compute]) => assign(result, path, compute(doc)) as Doc, doc);
}

type AddedField = readonly [readonly string[], (doc: unknown) => unknown];

function addedFields(path: string, value: unknown, context: QueryContext): readonly AddedField[] {
  if (path.startsWith('$') || path === '')
    fault(16410, `FieldPath field names may not start with '$': ${path}`);
  // {a: {b: 1}} sets a.b, and leaves the rest of a.
  const [first] = isDoc(value) ? Object.keys(value) : [];
  if (isDoc(value) && first !== undefined && !first.startsWith('$'))
    return Object.entries(value).flatMap(([name, inner]) => addedFields(`${path}.${name}`, inner, context));
  return [[path.split('.'), compileExpression(value, context)]];
}

function assign(target: unknown, path: readonly string[], value: unknown): unknown {
  const [name, ...rest] = path as [string, ...string[]];
  if (Array.isArray(target)) return target.map((item) => assign(item, path, value));
  const doc = isDoc(target) ? { ...target } : {};
  const inner = rest.length === 0 ? value : assign(getPath(doc, [name]), rest, value);
  if (inner === undefined) delete doc[name];
  else setField(doc, name, inner);
  return doc;
}

export function compileUnset(operand: unknown, context: QueryContext): (doc: Doc) => Doc {
  const paths: readonly unknown[] = Array.isArray(operand) ? operand : [operand];
  if (paths.length === 0 || !paths.every((path) => typeof path === 'string' && path !== ''))
    return fault(31002, '$unset specification must be a string or an array of strings');
  const project = compileProjection(Object.fromEntries(paths.map((path) => [path, 0])) as Doc, context);
  return project ?? ((doc) => doc);
}

export function compileReplaceRoot(expression: unknown, context: QueryContext): (doc: Doc) => Doc {
  const compute = compileExpression(expression, context);
  return (doc) => {
    const root = compute(doc);
    if (isDoc(root)) return root;
    return fault(
      40228,
      `'newRoot' expression must evaluate to an object, but resulting value was of type: ${typeName(root)}`,
    );
  };
}

function newRoot(operand: unknown): unknown {
  if (!isDoc(operand)) return fault(40229, '$replaceRoot expects an object');
  return operand.newRoot ?? fault(40231, 'no newRoot specified for the $replaceRoot stage');
}

export function compileProject(operand: unknown, context: QueryContext): (doc: Doc) => Doc {
  if (!isDoc(operand)) return fault(15969, '$project specification must be an object');
  return (
    compileProjection(operand, context) ??
    fault(51272, 'Invalid $project :: caused by :: projection specification must have at least one field')
  );
}

function perDoc(compile: (operand: unknown, context: QueryContext) => (doc: Doc) => Doc): CompileStage {
  return (operand, { context }) => {
    const map = compile(operand, context);
    return (docs) => mapDocs(docs, map);
  };
}

function wholeNumber(stage: string, operand: unknown, least: number): number {
  const number = toNumber(operand);
  if (number === undefined || !Number.isInteger(number) || number < least)
    return fault(
      stage === '$limit' ? 15958 : 15956,
      `invalid argument to ${stage} stage: Expected an integer of at least ${least}`,
    );
  return number;
}

const unwind: CompileStage = (operand) => {
  const spec = typeof operand === 'string' ? { path: operand } : operand;
  if (!isDoc(spec)) return fault(15981, '$unwind needs a path');
  const { path, includeArrayIndex: indexField, preserveNullAndEmptyArrays: preserve } = spec;
  if (typeof path !== 'string' || !path.startsWith('$') || path.length < 2)
    return fault(28818, `path option to $unwind stage should be prefixed with a '$': ${String(path)}`);
  const parts = path.slice(1).split('.');
  return function* (docs) {
    for (const doc of docs) {
      const value = getPath(doc, parts);
      for (const [item, index] of elements(value, preserve === true)) {
        const result = item === value ? doc : (assign(doc, parts, item) as Doc);
        yield typeof indexField === 'string' ? (assign(result, indexField.split('.'), index) as Doc) : result;
      }
    }
  };
};

function elements(value: unknown, preserve: boolean): readonly (readonly [unknown, number | null])[] {
  if (Array.isArray(value)) {
    if (value.length === 0) return preserve ? [[undefined, null]] : [];
    return value.map((item, index) => [item, index] as const);
  }
  return (value === undefined || value === null) && !preserve ? [] : [[value, null]];
}

function sortStage(operand: unknown, { context }: StageEnvironment): Stage {
  const fields = compileSort(operand);
  if (fields.length === 0) return fault(15976, '$sort stage must have at least one sort key');
  return (docs) => sortBy(docs, (doc) => doc, fields, context.collation);
}

/** Stages that take documents one by one, or only choose or order them. */
export const SHAPE_STAGES: Readonly<Record<string, CompileStage>> = {
  $match: (operand, { context }) => {
    if (!isDoc(operand)) return fault(15959, 'the match filter must be an expression in an object');
    const matches = compileFilter(operand, context);
    return function* (docs) {
      for (const doc of docs) if (matches(doc)) yield doc;
    };
  },
  $project: perDoc(compileProject),
  $addFields: perDoc(compileAddFields),
  $set: perDoc(compileAddFields),
  $unset: perDoc(compileUnset),
  $replaceRoot: perDoc((operand, context) => compileReplaceRoot(newRoot(operand), context)),
  $replaceWith: perDoc(compileReplaceRoot),
  $unwind: unwind,
  $sort: sortStage,
  $skip: (operand) => {
    const count = wholeNumber('$skip', operand, 0);
    return function* (docs) {
      let at = 0;
      for (const doc of docs) if (at++ >= count) yield doc;
    };
  },
  $limit: (operand) => {
    const count = wholeNumber('$limit', operand, 1);
    return function* (docs) {
      let at = 0;
      for (const doc of docs) {
        yield doc;
        if (++at >= count) return;
      }
    };
  },
  $sample: (operand) => {
    const size = toNumber(isDoc(operand) ? operand.size : undefined);
    if (size === undefined || size < 0) return fault(28746, '$sample needs a size that is not negative');
    return (docs) => {
      const all = [...docs];
      for (let at = 0; at < Math.min(size, all.length); at++) {
        const other = at + Math.floor(Math.random() * (all.length - at));
        [all[at], all[other]] = [all[other] as Doc, all[at] as Doc];
      }
      return all.slice(0, size);
    };
  },
};
