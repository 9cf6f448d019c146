import { field, isDoc, setField, type Doc } from '../bson/types.js';
import { fault } from '../errors.js';
import type { QueryContext } from '../query/context.js';
import { expressionPath, parsePath } from '../query/paths.js';
import { CONVERT_OPERATORS } from './convert-operators.js';
import { mingoHasExpression, mingoOperator } from './mingo-bridge.js';
import type { Compiled, CompileScope } from './scope.js';
import { SCOPED } from './scoped-operators.js';
import { VALUE_OPERATORS } from './value-operators.js';

/** Compiles an aggregation expression to a function of a document. A missing result is undefined. */
export function compileExpression(expression: unknown, context: QueryContext): (doc: unknown) => unknown {
  const compiled = compile(expression, scopeOf(context, new Set(Object.keys(context.variables))));
  return (doc) => compiled({ root: doc, variables: context.variables });
}

function scopeOf(context: QueryContext, known: ReadonlySet<string>): CompileScope {
  const scope: CompileScope = {
    context,
    known,
    compile: (expression, ...names) =>
      compile(expression, names.length === 0 ? scope : scopeOf(context, new Set([...known, ...names]))),
  };
  return scope;
}

function compile(expression: unknown, scope: CompileScope): Compiled {
  if (typeof expression === 'string' && expression.startsWith('$'))
    return compileReference(expression, scope);
  if (Array.isArray(expression)) {
    const items = expression.map((item) => compile(item, scope));
    return (at) => items.map((item) => item(at) ?? null);
  }
  if (isDoc(expression)) return compileDoc(expression, scope);
  return () => expression;
}

function compileReference(reference: string, scope: CompileScope): Compiled {
  if (!reference.startsWith('$$')) {
    const path = checkedPath(reference.slice(1));
    return ({ root }) => expressionPath(root, path);
  }
  const [name = '', ...path] = parsePath(reference.slice(2));
  const variable = compileVariable(name, scope);
  return path.length === 0 ? variable : (at) => expressionPath(variable(at), path);
}

function checkedPath(text: string): readonly string[] {
  if (text === '') return fault(16872, "'$' by itself is not a valid FieldPath");
  const path = parsePath(text);
  if (path.includes('')) return fault(40353, "FieldPath must not end with a '.' or have an empty part.");
  return path;
}

function compileVariable(name: string, { context, known }: CompileScope): Compiled {
  if (known.has(name)) return ({ variables }) => field(variables, name);
  switch (name) {
    case 'ROOT':
    case 'CURRENT':
      return ({ root }) => root;
    case 'NOW':
      return () => context.now;
    case 'REMOVE':
      return () => undefined;
    case '':
      return fault(16869, 'empty variable names are not allowed');
    default:
      return fault(17276, `Use of undefined variable: ${name}`);
  }
}

function compileDoc(expression: Doc, scope: CompileScope): Compiled {
  const names = Object.keys(expression);
  const [first] = names;
  if (first === undefined || !first.startsWith('$')) return compileFields(expression, names, scope);
  if (names.length > 1)
    return fault(
      15983,
      'an expression specification must contain exactly one field, the name of the expression',
    );
  return compileOperator(first, expression[first], scope);
}

function compileFields(expression: Doc, names: readonly string[], scope: CompileScope): Compiled {
  const fields = names.map((name) => {
    if (name.startsWith('$')) fault(16420, `field inclusion is not allowed inside of $expressions: ${name}`);
    return [name, compile(expression[name], scope)] as const;
  });
  return (at) => {
    const doc: Doc = {};
    for (const [name, compute] of fields) {
      const value = compute(at);
      if (value !== undefined) setField(doc, name, value);
    }
    return doc;
  };
}

function compileOperator(operator: string, operand: unknown, scope: CompileScope): Compiled {
  const scoped = SCOPED[operator] ?? CONVERT_OPERATORS[operator];
  if (scoped !== undefined) return scoped(operand, scope);
  const own = VALUE_OPERATORS[operator];
  if (own !== undefined) return compileOwn(operator, own, operand, scope);
  if (!mingoHasExpression(operator)) return fault(168, `Unrecognized expression '${operator}'`);
  const value = compileOperand(operand, scope);
  return (at) => mingoOperator(operator, value(at));
}

type OwnOperator = (typeof VALUE_OPERATORS)[string];

function compileOwn(operator: string, own: OwnOperator, operand: unknown, scope: CompileScope): Compiled {
  const items = (Array.isArray(operand) ? operand : [operand]).map((item) => compile(item, scope));
  const [least, most] = own.arity;
  if (items.length < least || items.length > most)
    fault(
      16020,
      `Expression ${operator} takes ${arityText(least, most)} arguments. ${items.length} were passed in.`,
    );
  const collation = scope.context.collation;
  return (at) =>
    own.apply(
      items.map((item) => item(at)),
      collation,
    );
}

function arityText(least: number, most: number): string {
  if (least === most) return `exactly ${least}`;
  return most === Infinity ? `at least ${least}` : `at least ${least} arguments, and at most ${most}`;
}

/** Named arguments of an operator are each an expression; a missing one stays away. */
function compileOperand(operand: unknown, scope: CompileScope): Compiled {
  if (!isDoc(operand)) return compile(operand, scope);
  const [first] = Object.keys(operand);
  return first?.startsWith('$')
    ? compile(operand, scope)
    : compileFields(operand, Object.keys(operand), scope);
}
