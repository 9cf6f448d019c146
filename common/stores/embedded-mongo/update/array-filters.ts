import { isDoc, type Doc } from '../bson/types.js';
import { fault } from '../errors.js';
import type { QueryContext } from '../query/context.js';
import { compileFilter, matchedElement } from '../query/filter.js';
import type { Path } from '../query/paths.js';
import { getPath } from './path-edit.js';

export type ArrayFilters = ReadonlyMap<string, (element: unknown) => boolean>;

/** Compiles `arrayFilters`: tests of array elements under their identifiers. */
export function parseArrayFilters(given: unknown, context: QueryContext): ArrayFilters {
  const filters = new Map<string, (element: unknown) => boolean>();
  if (given === undefined) return filters;
  if (!Array.isArray(given))
    return fault(14, "BSON field 'arrayFilters' is the wrong type, expected type 'array'");
  for (const filter of given as unknown[]) {
    if (!isDoc(filter)) return fault(14, 'each array filter must be an object');
    const identifiers = new Set(identifiersOf(filter));
    const [identifier] = identifiers;
    if (identifier === undefined)
      return fault(9, 'Cannot use an expression without a top-level field name in arrayFilters');
    if (identifiers.size > 1)
      return fault(
        9,
        `Error parsing array filter :: caused by :: Expected a single top-level field name, found '${[...identifiers].join("' and '")}'`,
      );
    if (filters.has(identifier))
      return fault(9, `Found multiple array filters with the same top-level field name ${identifier}`);
    const test = compileFilter(filter, context);
    filters.set(identifier, (element) => test({ [identifier]: element }));
  }
  return filters;
}

function* identifiersOf(filter: Doc): Generator<string> {
  for (const [name, value] of Object.entries(filter)) {
    if (!name.startsWith('$')) yield name.split('.')[0] as string;
    else if (Array.isArray(value))
      for (const clause of value) if (isDoc(clause)) yield* identifiersOf(clause);
  }
}

export interface ExpandContext {
  readonly filter: Doc;
  readonly context: QueryContext;
  readonly arrayFilters: ArrayFilters;
}

/** The concrete paths that a path with `$`, `$[]` or `$[name]` stands for in one document. */
export function expandPath(doc: Doc, path: Path, expand: ExpandContext): readonly Path[] {
  const at = path.findIndex((part) => part.startsWith('$'));
  if (at < 0) return [path];
  const before = path.slice(0, at);
  const after = path.slice(at + 1);
  return elementsAt(doc, before, path[at] as string, expand).flatMap((index) =>
    expandPath(doc, [...before, String(index), ...after], expand),
  );
}

function elementsAt(doc: Doc, before: Path, part: string, expand: ExpandContext): readonly number[] {
  if (part === '$') {
    const index = matchedElement(expand.filter, before.join('.'), doc, expand.context);
    return index === undefined
      ? fault(2, 'The positional operator did not find the match needed from the query.')
      : [index];
  }
  const array = getPath(doc, before);
  if (!Array.isArray(array))
    return array === undefined
      ? fault(2, `The path '${before.join('.')}' must exist in the document in order to apply array updates.`)
      : fault(
          2,
          `Cannot apply array updates to non-array element ${before.at(-1)}: ${JSON.stringify(array)}`,
        );
  if (part === '$[]') return array.map((_, index) => index);
  const test = expand.arrayFilters.get(part.slice(2, -1));
  if (test === undefined)
    return fault(
      2,
      `No array filter found for identifier '${part.slice(2, -1)}' in path '${[...before, part].join('.')}'`,
    );
  return array.flatMap((element, index) => (test(element) ? [index] : []));
}

/** Throws when a filter is used by no path: surely a mistake of the writer. */
export function checkFiltersUsed(filters: ArrayFilters, paths: readonly Path[]): void {
  for (const identifier of filters.keys())
    if (!paths.some((path) => path.includes(`$[${identifier}]`)))
      fault(9, `The array filter for identifier '${identifier}' was not used in the update`);
}
