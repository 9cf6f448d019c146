import { keyString } from '../bson/keystring.js';
import { isDoc, setField, type Doc } from '../bson/types.js';
import { fault } from '../errors.js';
import { lengthOf } from '../iterables.js';
import { compileAccumulator, type Accumulator } from './accumulators.js';
import { compileExpression } from './expression.js';
import { mingoHasAccumulator, mingoStage } from './mingo-bridge.js';
import type { CompileStage, StageEnvironment } from './stage.js';

interface Group {
  readonly id: unknown;
  /** Values of each accumulator, in the order of the documents. */
  readonly values: unknown[][];
}

const group: CompileStage = (operand, environment) => {
  if (!isDoc(operand)) return fault(15947, "a group's fields must be specified in an object");
  if (!Object.hasOwn(operand, '_id')) return fault(15955, 'a group specification must include an _id');
  const { context } = environment;
  const names = Object.keys(operand).filter((name) => name !== '_id');
  for (const name of names)
    if (name.includes('.')) fault(40235, `The field name '${name}' cannot contain '.'`);
  const accumulators = names.map(
    (name) =>
      compileAccumulator(name, operand[name], context) ??
      foreignAccumulator(operand[name] as Doc, environment),
  );
  const id = compileExpression(operand._id, context);
  return function* (docs) {
    for (const found of gather(docs, id, accumulators, environment).values())
      yield resultOf(found, names, accumulators, environment);
  };
};

function gather(
  docs: Iterable<Doc>,
  id: (doc: Doc) => unknown,
  accumulators: readonly Accumulator[],
  { context }: StageEnvironment,
): Map<string, Group> {
  const groups = new Map<string, Group>();
  for (const doc of docs) {
    const value = id(doc) ?? null;
    const key = keyString(value, context.collation?.fold);
    let found = groups.get(key);
    if (found === undefined) {
      found = { id: value, values: accumulators.map(() => []) };
      groups.set(key, found);
    }
    accumulators.forEach(({ compute }, at) => found.values[at]?.push(compute(doc)));
  }
  return groups;
}

function resultOf(
  found: Group,
  names: readonly string[],
  accumulators: readonly Accumulator[],
  { context }: StageEnvironment,
): Doc {
  const result: Doc = { _id: found.id };
  accumulators.forEach(({ reduce }, at) =>
    setField(result, names[at] as string, reduce(found.values[at] as unknown[], context.collation)),
  );
  return result;
}

/** An accumulator that only mingo has is given the group's documents; the others of the group stay our own. */
function foreignAccumulator(spec: Doc, { context, read, database }: StageEnvironment): Accumulator {
  const [name = ''] = Object.keys(spec);
  if (!mingoHasAccumulator(name)) return fault(15952, `unknown group operator '${name}'`);
  const stage = { $group: { _id: null, result: spec } };
  const resolve = (from: string): Doc[] => [...read(`${database}.${from}`, {})];
  return {
    compute: (doc) => doc,
    reduce: (docs) => {
      const [found] = mingoStage(stage, docs as readonly Doc[], context, resolve);
      // mingo gives the one value these have as a list of one.
      const isList = name === '$top' || name === '$bottom';
      return isList ? (found?.result as readonly unknown[])[0] : found?.result;
    },
  };
}

/** Stages that turn many documents into few. */
export const GROUP_STAGES: Readonly<Record<string, CompileStage>> = {
  $group: group,
  $sortByCount: (operand, environment, compilePipeline) =>
    compilePipeline(
      [{ $group: { _id: operand, count: { $sum: 1 } } }, { $sort: { count: -1 } }],
      environment,
    ),
  $count: (operand) => {
    if (typeof operand !== 'string' || operand === '' || operand.startsWith('$') || operand.includes('.'))
      return fault(40156, 'the count field must be a non-empty string without $ and .');
    return function* (docs) {
      const count = lengthOf(docs);
      if (count > 0) yield { [operand]: count };
    };
  },
  $facet: (operand, environment, compilePipeline) => {
    if (!isDoc(operand) || Object.keys(operand).length === 0)
      return fault(40169, 'the $facet specification must be a non-empty object');
    const facets = Object.entries(operand).map(
      ([name, pipeline]) => [name, compilePipeline(pipeline, environment)] as const,
    );
    return (docs) => {
      const all = [...docs];
      const result: Doc = {};
      for (const [name, stage] of facets) setField(result, name, [...stage(all)]);
      return [result];
    };
  },
};
