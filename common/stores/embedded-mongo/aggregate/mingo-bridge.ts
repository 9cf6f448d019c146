import { Aggregator } from 'mingo/aggregator';
import { Context, ProcessingMode, evalExpr } from 'mingo/core';
import * as accumulator from 'mingo/operators/accumulator';
import * as expression from 'mingo/operators/expression';
import * as pipeline from 'mingo/operators/pipeline';
import * as projection from 'mingo/operators/projection';
import * as query from 'mingo/operators/query';
import * as window from 'mingo/operators/window';
import { BSONRegExp, double, isDoc, setField, typeName, type Doc } from '../bson/types.js';
import { MongoServerFault, fault } from '../errors.js';
import { toRegExp } from '../query/regex.js';
import type { QueryContext } from '../query/context.js';

/**
 * The way into `mingo`, for the operators and stages this server has no code of its own for. mingo works on plain JS
 * values: numbers lose the difference of long and double on the way, which is why the common operators are our own.
 */
const context = Context.init({ accumulator, expression, pipeline, projection, query, window });
// mingo's own window stage is built on $function; a client's JavaScript is refused before it comes here.
const OPTIONS = {
  idKey: '_id',
  processingMode: ProcessingMode.CLONE_OFF,
  useStrictMode: true,
  scriptEnabled: true,
  failOnError: true,
  context,
} as const;

/** Operators that run JavaScript: no client's code is run in this process. */
const SCRIPTS = new Set(['$function', '$accumulator', '$where']);

function refuseScripts(value: unknown): void {
  if (Array.isArray(value)) value.forEach(refuseScripts);
  if (!isDoc(value)) return;
  for (const [name, inner] of Object.entries(value)) {
    if (SCRIPTS.has(name)) fault(238, `${name} is not supported by the embedded server: use a real mongod`);
    refuseScripts(inner);
  }
}

export function mingoHasExpression(operator: string): boolean {
  if (SCRIPTS.has(operator)) refuseScripts({ [operator]: null });
  return Object.hasOwn(expression, operator) || Object.hasOwn(accumulator, operator);
}

export function mingoHasAccumulator(operator: string): boolean {
  if (SCRIPTS.has(operator)) refuseScripts({ [operator]: null });
  return Object.hasOwn(accumulator, operator);
}

export function mingoHasStage(stage: string): boolean {
  return Object.hasOwn(pipeline, stage);
}

/** BSON values as mingo wants them. */
export function toMingo(value: unknown): unknown {
  switch (typeName(value)) {
    case 'long':
    case 'double':
    case 'int':
      return Number(value);
    case 'decimal':
      return Number(String(value));
    case 'symbol':
      return String(value);
    case 'regex':
      return toRegExp(value);
    case 'array':
      return (value as unknown[]).map(toMingo);
    case 'object':
      return mapFields(value as Doc, toMingo);
    default:
      return value;
  }
}

/** What mingo gave, as BSON values: its regexes become BSON's, what is not a BSON value becomes null. */
export function fromMingo(value: unknown): unknown {
  if (value === undefined || typeof value === 'function' || typeof value === 'symbol') return undefined;
  if (value instanceof RegExp) return new BSONRegExp(value.source, value.flags.replace(/[^ims]/g, ''));
  if (Array.isArray(value)) return value.map((item) => fromMingo(item) ?? null);
  return isDoc(value) ? mapFields(value, fromMingo) : value;
}

function mapFields(doc: Doc, map: (value: unknown) => unknown): Doc {
  const result: Doc = {};
  for (const name of Object.keys(doc)) {
    const value = map(doc[name]);
    if (value !== undefined) setField(result, name, value);
  }
  return result;
}

const DOUBLE_RESULTS =
  /^\$(sqrt|exp|ln|log|log10|a?(sin|cos|tan)h?|atan2|degreesToRadians|radiansToDegrees|rand|sigmoid|stdDev.*)$/;

/** Applies one of mingo's operators to arguments that are already values. */
export function mingoOperator(operator: string, operand: unknown): unknown {
  const result = guarded(operator, () => evalExpr({}, { [operator]: literals(operand) }, OPTIONS));
  const value = fromMingo(result);
  return typeof value === 'number' && DOUBLE_RESULTS.test(operator) ? double(value) : value;
}

function literals(operand: unknown): unknown {
  if (Array.isArray(operand)) return operand.map((item: unknown) => literal(item));
  // Named arguments ({date, format}) are each a value.
  return isDoc(operand) ? mapFields(operand, literal) : literal(operand);
}

/** mingo reads some arguments (a unit, an option) without evaluating: what cannot be mistaken is passed as it is. */
function literal(value: unknown): unknown {
  const plain = toMingo(value);
  if (typeof plain === 'string') return plain.startsWith('$') ? { $literal: plain } : plain;
  return isDoc(plain) || Array.isArray(plain) ? { $literal: plain } : plain;
}

/** Runs one of mingo's stages over documents. */
export function mingoStage(
  stage: Doc,
  docs: readonly Doc[],
  queryContext: QueryContext,
  collectionResolver: (name: string) => Doc[],
): Doc[] {
  const [name = ''] = Object.keys(stage);
  refuseScripts(stage);
  const aggregator = new Aggregator([toMingo(stage) as Record<string, never>], {
    ...OPTIONS,
    variables: toMingo(queryContext.variables) as Record<string, never>,
    collectionResolver: (from: string) =>
      collectionResolver(from).map((doc) => toMingo(doc) as Record<string, never>),
  });
  const result = guarded(name, () =>
    aggregator.run(docs.map((doc) => toMingo(doc) as Record<string, never>)),
  );
  // What $redact prunes comes as nothing.
  return result.map(fromMingo).filter(isDoc);
}

/** mingo says what is wrong with an operator's arguments by throwing plain errors: those are the client's. */
function guarded<T>(operator: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof MongoServerFault) throw error;
    throw new MongoServerFault(2, `${operator}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
