import { isDoc, truthy, typeName, type Doc } from '../bson/types.js';
import { fault } from '../errors.js';
import type { Compiled, CompileScope, Scope } from './scope.js';

type CompileOperator = (operand: unknown, scope: CompileScope) => Compiled;

/** The operators that bind variables, or evaluate only some of their arguments. */
export const SCOPED: Readonly<Record<string, CompileOperator>> = {
  $literal: (operand) => () => operand,
  $const: (operand) => () => operand,
  $expr: (operand, scope) => scope.compile(operand),
  $and: (operand, scope) => {
    const conditions = list(operand).map((item) => condition(item, scope));
    return (at) => conditions.every((test) => test(at));
  },
  $or: (operand, scope) => {
    const conditions = list(operand).map((item) => condition(item, scope));
    return (at) => conditions.some((test) => test(at));
  },
  $cond: compileCond,
  $ifNull: (operand, scope) => {
    const items = list(operand).map((item) => scope.compile(item));
    if (items.length < 2) fault(1257300, '$ifNull needs at least two arguments');
    return (at) => {
      let value: unknown;
      for (const item of items) {
        value = item(at);
        if (value !== undefined && value !== null) break;
      }
      return value;
    };
  },
  $switch: compileSwitch,
  $let: compileLet,
  $map: compileMap,
  $filter: compileFilterOperator,
  $reduce: compileReduce,
  $getField: (operand, scope) => {
    const named = isDoc(operand) && 'field' in operand ? operand : { field: operand, input: '$$CURRENT' };
    const name = scope.compile(named.field);
    const input = scope.compile(named.input ?? '$$CURRENT');
    return (at) => {
      const doc = input(at);
      return isDoc(doc) ? ownField(doc, String(name(at))) : undefined;
    };
  },
  $setField: (operand, scope) => compileSetField(operand, scope, '$setField'),
  $unsetField: (operand, scope) => compileSetField(operand, scope, '$unsetField'),
};

function list(operand: unknown): readonly unknown[] {
  return Array.isArray(operand) ? operand : [operand];
}

function ownField(doc: Doc, name: string): unknown {
  return Object.hasOwn(doc, name) ? doc[name] : undefined;
}

function named(operator: string, operand: unknown, required: readonly string[]): Doc {
  if (!isDoc(operand)) return fault(16878, `${operator} only supports an object as its argument`);
  for (const name of required)
    if (!Object.hasOwn(operand, name)) fault(16879, `Missing '${name}' parameter to ${operator}`);
  return operand;
}

function compileCond(operand: unknown, scope: CompileScope): Compiled {
  const parts = Array.isArray(operand)
    ? operand
    : ['if', 'then', 'else'].map((name) => named('$cond', operand, ['if', 'then', 'else'])[name]);
  if (parts.length !== 3)
    fault(16020, `Expression $cond takes exactly 3 arguments. ${parts.length} were passed in.`);
  const test = condition(parts[0], scope);
  const whenTrue = scope.compile(parts[1]);
  const otherwise = scope.compile(parts[2]);
  return (at) => (test(at) ? whenTrue(at) : otherwise(at));
}

function compileSwitch(operand: unknown, scope: CompileScope): Compiled {
  const { branches, default: fallback } = named('$switch', operand, ['branches']);
  if (!Array.isArray(branches)) return fault(40061, '$switch expected an array for its branches');
  const compiled = branches.map((branch: unknown) => {
    const { case: test, then } = named('$switch', branch, ['case', 'then']);
    return [condition(test, scope), scope.compile(then)] as const;
  });
  const otherwise = fallback === undefined ? undefined : scope.compile(fallback);
  return (at) => {
    for (const [test, then] of compiled) if (test(at)) return then(at);
    return otherwise === undefined
      ? fault(40066, '$switch could not find a matching branch for an input, and no default was specified')
      : otherwise(at);
  };
}

/** A compiled condition. */
function condition(
  expression: unknown,
  scope: CompileScope,
  ...names: readonly string[]
): (at: Scope) => boolean {
  const compiled = scope.compile(expression, ...names);
  return (at) => truthy(compiled(at));
}

function withVariables(at: Scope, variables: Doc): Scope {
  return { root: at.root, variables: { ...at.variables, ...variables } };
}

function compileLet(operand: unknown, scope: CompileScope): Compiled {
  const { vars, in: body } = named('$let', operand, ['vars', 'in']);
  if (!isDoc(vars)) return fault(16875, 'invalid parameter: expected an object (vars)');
  const bindings = Object.entries(vars).map(([name, value]) => [name, scope.compile(value)] as const);
  const inner = scope.compile(body, ...Object.keys(vars));
  return (at) =>
    inner(withVariables(at, Object.fromEntries(bindings.map(([name, value]) => [name, value(at)]))));
}

/** The array an operator works over; undefined stands for null or missing, which makes the result null. */
function arrayOf(operator: string, value: unknown): readonly unknown[] | undefined {
  if (value === undefined || value === null) return undefined;
  return Array.isArray(value)
    ? (value as readonly unknown[])
    : fault(16883, `input to ${operator} must be an array not ${typeName(value)}`);
}

function compileMap(operand: unknown, scope: CompileScope): Compiled {
  const { input, as = 'this', in: body } = named('$map', operand, ['input', 'in']);
  const array = scope.compile(input);
  const inner = scope.compile(body, String(as));
  return (at) =>
    arrayOf('$map', array(at))?.map((item) => inner(withVariables(at, { [String(as)]: item })) ?? null) ??
    null;
}

function compileFilterOperator(operand: unknown, scope: CompileScope): Compiled {
  const { input, as = 'this', cond, limit } = named('$filter', operand, ['input', 'cond']);
  const array = scope.compile(input);
  const test = condition(cond, scope, String(as));
  const most = scope.compile(limit ?? null);
  return (at) => {
    const kept = arrayOf('$filter', array(at))?.filter((item) =>
      test(withVariables(at, { [String(as)]: item })),
    );
    const count = most(at);
    return (count === null || count === undefined ? kept : kept?.slice(0, Number(count))) ?? null;
  };
}

function compileReduce(operand: unknown, scope: CompileScope): Compiled {
  const { input, initialValue, in: body } = named('$reduce', operand, ['input', 'initialValue', 'in']);
  const array = scope.compile(input);
  const initial = scope.compile(initialValue);
  const inner = scope.compile(body, 'value', 'this');
  return (at) => {
    const items = arrayOf('$reduce', array(at));
    if (items === undefined) return null;
    return items.reduce<unknown>(
      (value, item) => inner(withVariables(at, { value, this: item })),
      initial(at),
    );
  };
}

function compileSetField(operand: unknown, scope: CompileScope, operator: string): Compiled {
  const parts = named(
    operator,
    operand,
    operator === '$setField' ? ['field', 'input', 'value'] : ['field', 'input'],
  );
  const name = scope.compile(parts.field);
  const input = scope.compile(parts.input);
  const value = scope.compile(operator === '$setField' ? parts.value : '$$REMOVE');
  return (at) => {
    const doc = input(at);
    if (doc === null || doc === undefined) return null;
    if (!isDoc(doc)) return fault(4161105, `${operator} requires 'input' to evaluate to an object`);
    const result = { ...doc };
    const set = value(at);
    if (set === undefined) delete result[String(name(at))];
    else result[String(name(at))] = set;
    return result;
  };
}
