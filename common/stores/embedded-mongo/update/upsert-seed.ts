import { isDoc, setField, type Doc } from '../bson/types.js';
import { fault } from '../errors.js';
import { isOperatorDoc } from '../query/operators.js';
import { isRegex } from '../query/regex.js';
import { setPath } from './path-edit.js';

/** What an upsert with modifiers or a pipeline starts from: the fields the filter fixes by equality. */
export function seedOf(filter: Doc): Doc {
  return seedFrom(fixedFields(filter));
}

/** The `_id` the filter fixes. A replacement takes nothing else of its filter, however odd the rest may be. */
export function fixedId(filter: Doc): unknown {
  return seedFrom([...fixedFields(filter)].filter(([path]) => path === '_id' || path.startsWith('_id.')))._id;
}

function seedFrom(fields: Iterable<readonly [string, unknown]>): Doc {
  const seed: Doc = {};
  const seen: string[] = [];
  for (const [path, value] of fields) {
    for (const other of seen) checkApart(path, other);
    seen.push(path);
    if (path.includes('.')) setPath(seed, path.split('.'), value);
    else setField(seed, path, value);
  }
  return seed;
}

/** Two values for one place, or for a place and one within it, leave open which is meant. */
function checkApart(path: string, other: string): void {
  if (path === other) fault(54, `cannot infer query fields to set, path '${path}' is matched twice`);
  if (path.startsWith(`${other}.`) || other.startsWith(`${path}.`))
    fault(54, `cannot infer query fields to set, both paths '${other}' and '${path}' are matched`);
}

/** An `$or` of one clause demands as much as the clause does. */
function* fixedFields(filter: Doc): Generator<readonly [string, unknown]> {
  for (const [name, condition] of Object.entries(filter)) {
    if (!name.startsWith('$')) {
      const value = fixedValue(condition);
      if (value !== undefined) yield [name, value];
    } else if (Array.isArray(condition) && (name === '$and' || (name === '$or' && condition.length === 1))) {
      for (const clause of condition) if (isDoc(clause)) yield* fixedFields(clause);
    }
  }
}

/** A regex is a pattern to match, not the value to have. */
function fixedValue(condition: unknown): unknown {
  if (isRegex(condition)) return undefined;
  if (!isOperatorDoc(condition)) return condition;
  if ('$eq' in condition) return condition.$eq;
  const { $all: all } = condition;
  if (Array.isArray(all) && all.length === 1 && !isOperatorDoc(all[0]) && !isRegex(all[0])) return all[0];
  return undefined;
}
