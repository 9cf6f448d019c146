import { isDoc, truthy, type Doc } from '../bson/types.js';
import { fault } from '../errors.js';
import { isOperatorDoc } from '../query/operators.js';
import { isRegex } from '../query/regex.js';

/** What mongod lets a `partialFilterExpression` ask of a field. */
const OPERATORS = new Set(['$eq', '$gt', '$gte', '$lt', '$lte', '$in', '$type', '$exists']);

/**
 * Refuses a `partialFilterExpression` that mongod would not take, so that an app does not come to rest on an index it
 * cannot have elsewhere.
 */
export function checkPartialFilter(filter: Doc): void {
  for (const [name, condition] of Object.entries(filter)) {
    if (name === '$and' || name === '$or') {
      if (Array.isArray(condition))
        for (const clause of condition) if (isDoc(clause)) checkPartialFilter(clause);
    } else if (name.startsWith('$')) {
      unsupported(name);
    } else if (isRegex(condition)) {
      unsupported('$regex');
    } else if (isOperatorDoc(condition)) {
      for (const [operator, operand] of Object.entries(condition)) {
        if (!OPERATORS.has(operator)) unsupported(operator);
        if (operator === '$exists' && !truthy(operand)) unsupported('$exists: false');
      }
    }
  }
}

function unsupported(what: string): never {
  return fault(67, `Expression not supported in partial index: ${what}`);
}
