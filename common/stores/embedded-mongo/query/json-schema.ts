import { equalValues } from '../bson/compare.js';
import { isDoc, isNumeric, toNumber, typeName, type Doc } from '../bson/types.js';
import { fault } from '../errors.js';
import { toRegExp } from './regex.js';
import { typeTest } from './type-test.js';

type Check = (value: unknown) => boolean;

/** JSON Schema's own type names, in BSON's. */
const JSON_TYPES: Readonly<Record<string, string>> = { boolean: 'bool', integer: 'long' };

/** `$jsonSchema` (draft 4 with MongoDB's `bsonType`), for filters and validators. */
export function compileJsonSchema(schema: unknown): Check {
  if (!isDoc(schema)) return fault(14, '$jsonSchema must be an object');
  const checks = Object.entries(schema).flatMap(([keyword, operand]) => {
    if (IGNORED.has(keyword)) return [];
    const compile = KEYWORDS[keyword];
    if (compile === undefined) return fault(9, `Unknown $jsonSchema keyword: ${keyword}`);
    return [compile(operand, schema)];
  });
  return (value) => checks.every((check) => check(value));
}

const IGNORED = new Set(['title', 'description', 'exclusiveMinimum', 'exclusiveMaximum', 'additionalItems']);

type Compile = (operand: unknown, schema: Doc) => Check;

/** A keyword that says something of one type only lets every other type pass. */
const numbers = (check: (value: number) => boolean): Check => {
  return (value) => !isNumeric(value) || check(toNumber(value) as number);
};
const strings = (check: (value: string) => boolean): Check => {
  return (value) => typeof value !== 'string' || check(value);
};
const arrays = (check: (value: readonly unknown[]) => boolean): Check => {
  return (value) => !Array.isArray(value) || check(value);
};
const docs = (check: (value: Doc) => boolean): Check => {
  return (value) => !isDoc(value) || check(value);
};

const KEYWORDS: Readonly<Record<string, Compile>> = {
  bsonType: (operand) => typeTest(operand),
  type: (operand) => {
    const names = [operand]
      .flat()
      .map((name: unknown) => (name === 'number' ? 'number' : (JSON_TYPES[String(name)] ?? name)));
    return typeTest(names);
  },
  enum: (operand) => {
    const allowed = list(operand, 'enum');
    return (value) => allowed.some((item) => equalValues(item, value));
  },
  allOf: (operand) => {
    const checks = list(operand, 'allOf').map(compileJsonSchema);
    return (value) => checks.every((check) => check(value));
  },
  anyOf: (operand) => {
    const checks = list(operand, 'anyOf').map(compileJsonSchema);
    return (value) => checks.some((check) => check(value));
  },
  oneOf: (operand) => {
    const checks = list(operand, 'oneOf').map(compileJsonSchema);
    return (value) => checks.filter((check) => check(value)).length === 1;
  },
  not: (operand) => {
    const check = compileJsonSchema(operand);
    return (value) => !check(value);
  },
  minimum: (operand, schema) => {
    const least = limit(operand, 'minimum');
    return numbers((value) => (schema.exclusiveMinimum === true ? value > least : value >= least));
  },
  maximum: (operand, schema) => {
    const most = limit(operand, 'maximum');
    return numbers((value) => (schema.exclusiveMaximum === true ? value < most : value <= most));
  },
  multipleOf: (operand) => {
    const divisor = limit(operand, 'multipleOf');
    return numbers((value) => value % divisor === 0);
  },
  minLength: (operand) => strings((value) => [...value].length >= limit(operand, 'minLength')),
  maxLength: (operand) => strings((value) => [...value].length <= limit(operand, 'maxLength')),
  pattern: (operand) => {
    const regex = toRegExp(operand);
    return strings((value) => regex.test(value));
  },
  minItems: (operand) => arrays((value) => value.length >= limit(operand, 'minItems')),
  maxItems: (operand) => arrays((value) => value.length <= limit(operand, 'maxItems')),
  uniqueItems: (operand) =>
    arrays(
      (value) =>
        operand !== true ||
        value.every((item, at) => !value.slice(0, at).some((other) => equalValues(item, other))),
    ),
  items: (operand) => {
    if (Array.isArray(operand)) {
      const checks = operand.map(compileJsonSchema);
      return arrays((value) => value.every((item, at) => checks[at]?.(item) ?? true));
    }
    const check = compileJsonSchema(operand);
    return arrays((value) => value.every(check));
  },
  required: (operand) => {
    const names = list(operand, 'required').map(String);
    return docs((value) => names.every((name) => Object.hasOwn(value, name)));
  },
  minProperties: (operand) => docs((value) => Object.keys(value).length >= limit(operand, 'minProperties')),
  maxProperties: (operand) => docs((value) => Object.keys(value).length <= limit(operand, 'maxProperties')),
  properties: (operand) => {
    const checks = named(operand, 'properties');
    return docs((value) =>
      checks.every(([name, check]) => !Object.hasOwn(value, name) || check(value[name])),
    );
  },
  patternProperties: (operand) => {
    const checks = named(operand, 'patternProperties').map(
      ([pattern, check]) => [toRegExp(pattern), check] as const,
    );
    return docs((value) =>
      Object.keys(value).every((name) =>
        checks.every(([regex, check]) => !regex.test(name) || check(value[name])),
      ),
    );
  },
  additionalProperties: (operand, schema) => {
    const known = new Set(Object.keys(isDoc(schema.properties) ? schema.properties : {}));
    const patterns = Object.keys(isDoc(schema.patternProperties) ? schema.patternProperties : {}).map(
      (pattern) => toRegExp(pattern),
    );
    const check: Check = isDoc(operand) ? compileJsonSchema(operand) : () => operand !== false;
    return docs((value) =>
      Object.keys(value).every(
        (name) => known.has(name) || patterns.some((regex) => regex.test(name)) || check(value[name]),
      ),
    );
  },
  dependencies: (operand) => {
    if (!isDoc(operand)) return fault(14, '$jsonSchema keyword "dependencies" must be an object');
    const entries = Object.entries(operand).map(([name, needs]) => {
      const check = Array.isArray(needs) ? compileJsonSchema({ required: needs }) : compileJsonSchema(needs);
      return [name, check] as const;
    });
    return docs((value) => entries.every(([name, check]) => !Object.hasOwn(value, name) || check(value)));
  },
};

function list(operand: unknown, keyword: string): readonly unknown[] {
  return Array.isArray(operand) ? operand : fault(14, `$jsonSchema keyword "${keyword}" must be an array`);
}

function limit(operand: unknown, keyword: string): number {
  return (
    toNumber(operand) ??
    fault(14, `$jsonSchema keyword "${keyword}" must be a number, not ${typeName(operand)}`)
  );
}

function named(operand: unknown, keyword: string): readonly (readonly [string, Check])[] {
  if (!isDoc(operand)) return fault(14, `$jsonSchema keyword "${keyword}" must be an object`);
  return Object.entries(operand).map(([name, schema]) => [name, compileJsonSchema(schema)] as const);
}
