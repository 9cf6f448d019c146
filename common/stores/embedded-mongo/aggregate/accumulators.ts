import { keyString } from '../bson/keystring.js';
import { isDoc, setField, typeName, type Doc } from '../bson/types.js';
import { fault } from '../errors.js';
import type { Collation } from '../query/collation.js';
import type { QueryContext } from '../query/context.js';
import { averageOf, extremeOf, sumOf } from './arithmetic-operators.js';
import { compileExpression } from './expression.js';

/** Gathers the values of one group, then gives the result. */
export type Reduce = (values: readonly unknown[], collation: Collation | undefined) => unknown;

function present(values: readonly unknown[]): readonly unknown[] {
  return values.filter((value) => value !== undefined);
}

function distinctValues(values: readonly unknown[], collation: Collation | undefined): unknown[] {
  const found = new Map<string, unknown>();
  for (const value of present(values)) {
    const key = keyString(value, collation?.fold);
    if (!found.has(key)) found.set(key, value);
  }
  return [...found.values()];
}

function merged(values: readonly unknown[]): Doc {
  const result: Doc = {};
  for (const value of values) {
    if (value === null || value === undefined) continue;
    if (!isDoc(value))
      return fault(40400, `$mergeObjects requires object inputs, but got ${typeName(value)}`);
    for (const name of Object.keys(value)) setField(result, name, value[name]);
  }
  return result;
}

/** Accumulators of `$group` that take one expression. */
const REDUCERS: Readonly<Record<string, Reduce>> = {
  $sum: sumOf,
  $avg: averageOf,
  $min: (values) => extremeOf(values, 1),
  $max: (values) => extremeOf(values, -1),
  $first: (values) => values[0] ?? null,
  $last: (values) => values.at(-1) ?? null,
  $push: (values) => present(values),
  $addToSet: distinctValues,
  $mergeObjects: merged,
  $count: (values) => values.length,
};

export interface Accumulator {
  readonly compute: (doc: Doc) => unknown;
  readonly reduce: Reduce;
}

/** Compiles `{$sum: …}`; undefined for an accumulator that is not our own. */
export function compileAccumulator(
  field: string,
  spec: unknown,
  context: QueryContext,
): Accumulator | undefined {
  if (!isDoc(spec) || Object.keys(spec).length === 0)
    return fault(40234, `The field '${field}' must be an accumulator object`);
  const names = Object.keys(spec);
  if (names.length > 1) return fault(40238, `The field '${field}' must specify one accumulator`);
  const [name = ''] = names;
  const reduce = REDUCERS[name];
  if (reduce === undefined) return undefined;
  if (name === '$count') return { compute: () => 1, reduce };
  return { compute: compileExpression(spec[name], context), reduce };
}
