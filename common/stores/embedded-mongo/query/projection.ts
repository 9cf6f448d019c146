import { isDoc, isNumeric, setField, toNumber, truthy, typeName, type Doc } from '../bson/types.js';
import { fault } from '../errors.js';
import { compileExpression } from '../aggregate/expression.js';
import { isOperatorDoc } from './operators.js';
import type { QueryContext } from './context.js';
import { compileCondition, compileFilter, matchedElement } from './filter.js';

export type Projection = (doc: Doc) => Doc;

/** What happens to one field: kept, dropped, looked into, or computed from the whole document. */
type Rule =
  'keep' | 'drop' | { readonly fields: Map<string, Rule> } | ((root: Doc, value: unknown) => unknown);

interface Compiled {
  readonly rules: Map<string, Rule>;
  inclusion: boolean | undefined;
}

export interface ProjectionOptions {
  /** The filter of a `find`, for the positional `$`; absent in an aggregation. */
  readonly filter?: Doc;
}

/** Compiles a `find` projection or the argument of `$project`. Undefined for one that changes nothing. */
export function compileProjection(
  spec: Doc | undefined,
  context: QueryContext,
  options: ProjectionOptions = {},
): Projection | undefined {
  if (spec === undefined || Object.keys(spec).length === 0) return undefined;
  const compiled: Compiled = { rules: new Map(), inclusion: undefined };
  let idRule: unknown;
  for (const [path, value] of Object.entries(spec)) {
    if (path === '_id' && isFlag(value)) idRule = value;
    else addRule(compiled, path, value, context, options);
  }
  const inclusion = compiled.inclusion ?? (idRule !== undefined && truthy(idRule));
  if (idRule !== undefined) applyIdRule(compiled.rules, truthy(idRule), inclusion);
  else if (inclusion && !compiled.rules.has('_id')) compiled.rules.set('_id', 'keep');
  return inclusion ? (doc) => include(doc, compiled.rules, doc) : (doc) => exclude(doc, compiled.rules, doc);
}

function applyIdRule(rules: Map<string, Rule>, wanted: boolean, inclusion: boolean): void {
  if (wanted && inclusion) rules.set('_id', 'keep');
  if (!wanted && !inclusion) rules.set('_id', 'drop');
}

function isFlag(value: unknown): boolean {
  return typeof value === 'boolean' || isNumeric(value);
}

function addRule(
  compiled: Compiled,
  path: string,
  value: unknown,
  context: QueryContext,
  options: ProjectionOptions,
): void {
  if (path === '') fault(40352, 'FieldPath cannot be constructed with empty string');
  if (options.filter !== undefined && path.endsWith('.$'))
    return addPositional(compiled, path.slice(0, -2), options.filter, context);
  if (isFlag(value)) {
    setMode(compiled, truthy(value), path);
    setRule(compiled.rules, path, truthy(value) ? 'keep' : 'drop');
  } else if (
    options.filter !== undefined &&
    isOperatorDoc(value) &&
    ('$slice' in value || '$elemMatch' in value)
  ) {
    addArrayOperator(compiled, path, value, context);
  } else if (isDoc(value) && !isOperatorDoc(value)) {
    if (Object.keys(value).length === 0)
      fault(51270, 'An empty sub-projection is not a valid value. Found empty object at path');
    for (const [name, inner] of Object.entries(value))
      addRule(compiled, `${path}.${name}`, inner, context, options);
  } else {
    addComputed(compiled, path, value, context);
  }
}

function setMode(compiled: Compiled, inclusion: boolean, path: string): void {
  if (compiled.inclusion === !inclusion)
    fault(
      inclusion ? 31253 : 31254,
      `Cannot do ${inclusion ? 'inclusion' : 'exclusion'} on field ${path} in ${inclusion ? 'exclusion' : 'inclusion'} projection`,
    );
  compiled.inclusion = inclusion;
}

function setRule(rules: Map<string, Rule>, path: string, rule: Rule): void {
  const [first = '', ...rest] = path.split('.');
  const there = rules.get(first);
  if (rest.length === 0) {
    if (there !== undefined) fault(31250, `Path collision at ${path}`);
    rules.set(first, rule);
    return;
  }
  if (there !== undefined && !(typeof there === 'object'))
    fault(31249, `Path collision at ${path} remaining portion ${rest.join('.')}`);
  const inner = typeof there === 'object' ? there : { fields: new Map<string, Rule>() };
  rules.set(first, inner);
  setRule(inner.fields, rest.join('.'), rule);
}

function addComputed(compiled: Compiled, path: string, value: unknown, context: QueryContext): void {
  if (isOperatorDoc(value) && '$meta' in value) fault(2, '$meta is not supported by the embedded server');
  if (compiled.inclusion === false)
    fault(31252, 'Bad projection specification, cannot use an expression in an exclusion projection');
  compiled.inclusion ??= true;
  const expression = compileExpression(value, context);
  setRule(compiled.rules, path, (root) => expression(root));
}

function addPositional(compiled: Compiled, path: string, filter: Doc, context: QueryContext): void {
  setMode(compiled, true, path);
  setRule(compiled.rules, path, (root, value) => {
    if (!Array.isArray(value)) return value;
    const index = matchedElement(filter, path, root, context);
    return index === undefined
      ? fault(
          51246,
          "Executor error during find command :: caused by :: positional operator '.$' couldn't find a matching element in the array",
        )
      : [(value as unknown[])[index]];
  });
}

function addArrayOperator(compiled: Compiled, path: string, operators: Doc, context: QueryContext): void {
  if ('$slice' in operators) {
    const slice = sliceOf(operators.$slice, context);
    // A slice alone leaves the rest of the document as it is.
    setRule(compiled.rules, path, (root, value) => (Array.isArray(value) ? slice(root, value) : value));
    return;
  }
  setMode(compiled, true, path);
  const { $elemMatch: match } = operators;
  if (!isDoc(match)) return fault(2, '$elemMatch needs an Object');
  const test = isOperatorDoc(match) ? operatorTest(match, context) : docTest(match, context);
  setRule(compiled.rules, path, (_root, value) => {
    const found = Array.isArray(value) ? value.findIndex(test) : -1;
    return found < 0 ? undefined : [(value as unknown[])[found]];
  });
}

function operatorTest(match: Doc, context: QueryContext): (item: unknown) => boolean {
  const test = compileCondition(match, context);
  return (item) => test([item]);
}

function docTest(match: Doc, context: QueryContext): (item: unknown) => boolean {
  const test = compileFilter(match, context);
  return (item) => isDoc(item) && test(item);
}

function sliceOf(spec: unknown, context: QueryContext): (root: Doc, array: readonly unknown[]) => unknown {
  if (Array.isArray(spec) && spec.length === 3) {
    const expression = compileExpression({ $slice: spec }, context);
    return (root) => expression(root);
  }
  const parts = (Array.isArray(spec) ? spec : [spec]).map((part) => toNumber(part));
  const [first, count] = parts;
  if (first === undefined || parts.length > 2)
    return fault(28667, 'First argument to $slice must be an array or a number');
  if (count === undefined) return (_root, array) => (first < 0 ? array.slice(first) : array.slice(0, first));
  if (count <= 0) return fault(28724, '$slice limit must be positive');
  return (_root, array) => {
    const from = first < 0 ? Math.max(0, array.length + first) : first;
    return array.slice(from, from + count);
  };
}

/** Fields keep their order in the document; computed fields that are new follow in the order of the projection. */
function include(value: Doc, rules: ReadonlyMap<string, Rule>, root: Doc): Doc {
  const result: Doc = {};
  for (const name of Object.keys(value)) {
    const rule = rules.get(name);
    if (rule === undefined) continue;
    const kept = applyInclusion(value[name], rule, root);
    if (kept !== undefined) setField(result, name, kept);
  }
  for (const [name, rule] of rules) {
    if (Object.hasOwn(value, name)) continue;
    const computed = computedOf(rule, root);
    if (computed !== undefined) setField(result, name, computed);
  }
  return result;
}

function applyInclusion(value: unknown, rule: Rule, root: Doc): unknown {
  if (rule === 'keep') return value;
  if (rule === 'drop') return undefined;
  if (typeof rule === 'function') return rule(root, value);
  if (Array.isArray(value))
    return value.map((item) => applyInclusion(item, rule, root)).filter((item) => item !== undefined);
  if (isDoc(value)) return include(value, rule.fields, root);
  return computedOf(rule, root);
}

/** What computed fields make where the document has nothing. */
function computedOf(rule: Rule, root: Doc): unknown {
  if (typeof rule === 'function') return rule(root, undefined);
  if (typeof rule !== 'object') return undefined;
  const result: Doc = {};
  for (const [name, inner] of rule.fields) {
    const value = computedOf(inner, root);
    if (value !== undefined) setField(result, name, value);
  }
  return Object.keys(result).length === 0 ? undefined : result;
}

function exclude(value: Doc, rules: ReadonlyMap<string, Rule>, root: Doc): Doc {
  const result: Doc = {};
  for (const name of Object.keys(value)) {
    const rule = rules.get(name);
    const kept = rule === undefined ? value[name] : applyExclusion(value[name], rule, root);
    if (kept !== undefined) setField(result, name, kept);
  }
  return result;
}

function applyExclusion(value: unknown, rule: Rule, root: Doc): unknown {
  if (rule === 'keep') return value;
  if (rule === 'drop') return undefined;
  if (typeof rule === 'function') return rule(root, value);
  if (Array.isArray(value)) return value.map((item: unknown) => applyExclusion(item, rule, root) ?? item);
  return typeName(value) === 'object' ? exclude(value as Doc, rule.fields, root) : value;
}
