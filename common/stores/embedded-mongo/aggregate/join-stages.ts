import { keyString } from '../bson/keystring.js';
import { isDoc, setField, type Doc } from '../bson/types.js';
import { fault } from '../errors.js';
import { parsePath, pathValues } from '../query/paths.js';
import { setPath, cloneValue } from '../update/path-edit.js';
import { compileExpression } from './expression.js';
import type { CompileStage, StageEnvironment } from './stage.js';

const lookup: CompileStage = (operand, environment, compilePipeline) => {
  if (!isDoc(operand)) return fault(9, 'the $lookup specification must be an Object');
  const { from, localField, foreignField, let: variables, pipeline, as } = operand;
  if (typeof as !== 'string') return fault(9, "must specify 'as' field for a $lookup");
  const namespace = foreignNamespace(from, environment.database, pipeline);
  const joined =
    localField === undefined
      ? () => readAll(namespace, environment)
      : byField(namespace, localField, foreignField, environment);
  const bindings = Object.entries(isDoc(variables) ? variables : {}).map(
    ([name, value]) => [name, compileExpression(value, environment.context)] as const,
  );
  const path = as.split('.');
  return function* (docs) {
    for (const doc of docs) {
      let found: readonly Doc[] = joined(doc);
      if (pipeline !== undefined) {
        const own = Object.fromEntries(bindings.map(([name, compute]) => [name, compute(doc) ?? null]));
        found = [...compilePipeline(pipeline, withVariables(environment, own))(found)];
      }
      yield withField(doc, path, found);
    }
  };
};

function foreignNamespace(from: unknown, database: string, pipeline: unknown): string | undefined {
  if (isDoc(from)) return `${String(from.db)}.${String(from.coll)}`;
  if (typeof from === 'string') return `${database}.${from}`;
  // A pipeline may bring its own documents ($documents).
  return pipeline === undefined
    ? fault(9, "missing 'from' option to $lookup stage specification")
    : undefined;
}

function readAll(namespace: string | undefined, { read }: StageEnvironment): readonly Doc[] {
  return namespace === undefined ? [] : [...read(namespace, {})];
}

function withVariables(environment: StageEnvironment, own: Doc): StageEnvironment {
  const { context } = environment;
  return { ...environment, context: { ...context, variables: { ...context.variables, ...own } } };
}

function withField(doc: Doc, path: readonly string[], value: unknown): Doc {
  if (path.length > 1) {
    const copy = cloneValue(doc);
    setPath(copy, path, value);
    return copy;
  }
  const copy = { ...doc };
  setField(copy, path[0] as string, value);
  return copy;
}

/** Joins by equality, as a hash join: the foreign collection is read once, keyed by every value of its field. */
function byField(
  namespace: string | undefined,
  localField: unknown,
  foreignField: unknown,
  environment: StageEnvironment,
): (doc: Doc) => readonly Doc[] {
  if (typeof localField !== 'string' || typeof foreignField !== 'string')
    return fault(9, '$lookup requires both or neither of localField and foreignField to be strings');
  const fold = environment.context.collation?.fold;
  const local = parsePath(localField);
  const foreign = parsePath(foreignField);
  let table: Map<string, Set<Doc>> | undefined;
  const build = (): Map<string, Set<Doc>> => {
    const built = new Map<string, Set<Doc>>();
    for (const doc of readAll(namespace, environment))
      for (const key of joinKeys(doc, foreign, fold)) {
        const docs = built.get(key);
        if (docs === undefined) built.set(key, new Set([doc]));
        else docs.add(doc);
      }
    return built;
  };
  return (doc) => {
    table ??= build();
    const keys = [...joinKeys(doc, local, fold)];
    const [only = ''] = keys;
    if (keys.length === 1) return [...(table.get(only) ?? [])];
    const found = new Set<Doc>();
    for (const key of keys) for (const match of table.get(key) ?? []) found.add(match);
    return [...found];
  };
}

function joinKeys(
  doc: Doc,
  path: readonly string[],
  fold: ((text: string) => string) | undefined,
): Set<string> {
  const keys = new Set<string>();
  for (const value of pathValues(doc, path)) {
    if (Array.isArray(value)) for (const item of value) keys.add(keyString(item, fold));
    keys.add(keyString(value ?? null, fold));
  }
  return keys;
}

/** Stages that bring in documents from elsewhere. */
export const JOIN_STAGES: Readonly<Record<string, CompileStage>> = {
  $lookup: lookup,
  $unionWith: (operand, environment, compilePipeline) => {
    const spec = typeof operand === 'string' ? { coll: operand } : operand;
    if (!isDoc(spec)) return fault(9, 'the $unionWith stage specification must be an object or string');
    const namespace = typeof spec.coll === 'string' ? `${environment.database}.${spec.coll}` : undefined;
    const pipeline = compilePipeline(spec.pipeline ?? [], environment);
    return function* (docs) {
      yield* docs;
      yield* pipeline(readAll(namespace, environment));
    };
  },
  $documents: (operand, environment) => {
    const compute = compileExpression(operand, environment.context);
    return () => {
      const docs = compute({});
      return Array.isArray(docs) && docs.every(isDoc)
        ? docs
        : fault(5858203, 'an array of documents is expected in $documents');
    };
  },
  $collStats:
    (_operand, { stats }) =>
    () =>
      stats('$collStats'),
  $indexStats:
    (_operand, { stats }) =>
    () =>
      stats('$indexStats'),
  $listLocalSessions:
    (_operand, { stats }) =>
    () =>
      stats('$listLocalSessions'),
  $currentOp: () => () => [],
};
