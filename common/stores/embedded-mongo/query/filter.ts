import { field, isDoc, truthy, type Doc } from '../bson/types.js';
import { fault } from '../errors.js';
import { compileExpression } from '../aggregate/expression.js';
import type { QueryContext } from './context.js';
import { compileOperators, equality, isOperatorDoc, type ValuesTest } from './operators.js';
import { compileJsonSchema } from './json-schema.js';
import { parsePath, pathValues } from './paths.js';

export type Predicate = (doc: Doc) => boolean;

const always: Predicate = () => true;

/** Compiles a query filter once, to be tested on many documents. Throws the faults mongod gives for bad filters. */
export function compileFilter(filter: Doc, context: QueryContext): Predicate {
  const tests = Object.keys(filter).map((name) => compileEntry(name, filter[name], context));
  return all(tests.filter((test) => test !== always));
}

function all(tests: readonly Predicate[]): Predicate {
  const [first] = tests;
  if (first === undefined) return always;
  return tests.length === 1 ? first : (doc) => tests.every((test) => test(doc));
}

function compileEntry(name: string, condition: unknown, context: QueryContext): Predicate {
  return name.startsWith('$')
    ? compileTopLevel(name, condition, context)
    : compileField(name, condition, context);
}

function compileTopLevel(operator: string, operand: unknown, context: QueryContext): Predicate {
  switch (operator) {
    case '$and':
      return all(clauses(operator, operand, context));
    case '$or': {
      const tests = clauses(operator, operand, context);
      return (doc) => tests.some((test) => test(doc));
    }
    case '$nor': {
      const tests = clauses(operator, operand, context);
      return (doc) => !tests.some((test) => test(doc));
    }
    case '$expr': {
      const expression = compileExpression(operand, context);
      return (doc) => truthy(expression(doc));
    }
    case '$jsonSchema':
      return compileJsonSchema(operand);
    case '$comment':
      return always;
    case '$where':
    case '$text':
      return fault(2, `${operator} is not supported by the embedded server: use a real mongod`);
    default:
      return fault(2, `unknown top level operator: ${operator}`);
  }
}

function clauses(operator: string, operand: unknown, context: QueryContext): readonly Predicate[] {
  if (!Array.isArray(operand)) return fault(2, `${operator} must be an array`);
  if (operand.length === 0) return fault(2, `$and/$or/$nor must be a nonempty array`);
  return operand.map((clause: unknown) =>
    isDoc(clause)
      ? compileFilter(clause, context)
      : fault(2, '$or/$and/$nor entries need to be full objects'),
  );
}

function compileField(name: string, condition: unknown, context: QueryContext): Predicate {
  const path = parsePath(name);
  const test = fieldTest(condition, context);
  if (path.length > 1) return (doc) => test(pathValues(doc, path));
  // One value, and no list to make, for the most common case.
  return (doc) => test([field(doc, name)]);
}

/** Compiles a condition made of operators (`{$gt: 1}`) to a test of a path's values. */
export function compileCondition(condition: Doc, context: QueryContext): ValuesTest {
  return compileOperators(condition, {
    ...context,
    compileFilter: (filter) => compileFilter(filter, context),
  });
}

function fieldTest(condition: unknown, context: QueryContext): ValuesTest {
  return isOperatorDoc(condition)
    ? compileCondition(condition, context)
    : equality(condition, context.collation);
}

/**
 * Which element of the first array on the way to `path` made the filter match: what the positional `$` stands for.
 * Undefined where no condition of the filter concerns that array.
 */
export function matchedElement(
  filter: Doc,
  arrayPath: string,
  doc: Doc,
  context: QueryContext,
): number | undefined {
  for (const [name, condition] of conjuncts(filter)) {
    if (name !== arrayPath && !name.startsWith(`${arrayPath}.`)) continue;
    const [array] = pathValues(doc, parsePath(arrayPath));
    if (!Array.isArray(array)) continue;
    const test = elementTest(name.slice(arrayPath.length + 1), condition, context);
    const index = array.findIndex(test);
    if (index >= 0) return index;
  }
  for (const clause of alternatives(filter)) {
    if (!compileFilter(clause, context)(doc)) continue;
    const index = matchedElement(clause, arrayPath, doc, context);
    if (index !== undefined) return index;
  }
  return undefined;
}

/** The clauses of which one must hold: those of every `$or`. */
function* alternatives(filter: Doc): Generator<Doc> {
  for (const [name, clauses] of Object.entries(filter)) {
    if (!Array.isArray(clauses)) continue;
    if (name === '$or') yield* clauses.filter(isDoc);
    else if (name === '$and') for (const clause of clauses) if (isDoc(clause)) yield* alternatives(clause);
  }
}

function elementTest(rest: string, condition: unknown, context: QueryContext): (element: unknown) => boolean {
  const test = fieldTest(condition, context);
  if (rest !== '') {
    const path = parsePath(rest);
    return (element) => isDoc(element) && test(pathValues(element, path));
  }
  // $elemMatch looks into an array, and here there is one element of it.
  return isOperatorDoc(condition) && '$elemMatch' in condition
    ? (element) => test([[element]])
    : (element) => test([element]);
}

/** The (path, condition) pairs that must all hold. */
export function* conjuncts(filter: Doc): Generator<readonly [string, unknown]> {
  for (const [name, condition] of Object.entries(filter)) {
    if (name === '$and' && Array.isArray(condition)) {
      for (const clause of condition) if (isDoc(clause)) yield* conjuncts(clause);
    } else if (!name.startsWith('$')) {
      yield [name, condition];
    }
  }
}
