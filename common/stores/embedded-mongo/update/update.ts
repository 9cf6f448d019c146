import { equalValues } from '../bson/compare.js';
import { ObjectId, isDoc, type Doc } from '../bson/types.js';
import { MongoServerFault, fault } from '../errors.js';
import { compilePipelineUpdate } from '../aggregate/update-pipeline.js';
import type { QueryContext } from '../query/context.js';
import { parseArrayFilters } from './array-filters.js';
import { compileModifiers } from './modifiers.js';
import { fixedId, seedOf } from './upsert-seed.js';

export interface UpdateRequest {
  readonly update: unknown;
  readonly filter: Doc;
  readonly arrayFilters: unknown;
  /** Constants (`c`) of a pipeline update. */
  readonly context: QueryContext;
}

/** A compiled update: gives the new document, and leaves the old one as it is. */
export interface Updater {
  /** A replacement or a pipeline cannot go with some options. */
  readonly kind: 'modifiers' | 'replacement' | 'pipeline';
  readonly apply: (doc: Doc) => Doc;
  /** The document an upsert inserts when nothing matches. */
  readonly upsert: () => Doc;
}

export function compileUpdate(request: UpdateRequest): Updater {
  const { update, filter, context } = request;
  if (Array.isArray(update)) {
    if (request.arrayFilters !== undefined) fault(9, 'Cannot specify arrayFilters and a pipeline update');
    const pipeline = compilePipelineUpdate(update, context);
    return {
      kind: 'pipeline',
      apply: (doc) => withSameId(doc, pipeline(doc)),
      upsert: () => withId(pipeline(seedOf(filter)), filter),
    };
  }
  if (!isDoc(update)) return fault(9, 'Update argument must be either an object or an array');
  return Object.keys(update)[0]?.startsWith('$')
    ? modifierUpdate(update, request)
    : replacement(update, request);
}

function modifierUpdate(update: Doc, { filter, arrayFilters, context }: UpdateRequest): Updater {
  const modify = compileModifiers(update, {
    filter,
    context,
    arrayFilters: parseArrayFilters(arrayFilters, context),
  });
  return {
    kind: 'modifiers',
    apply: (doc) => {
      const after = modify(doc, false);
      checkSameId(doc._id, after._id);
      return after;
    },
    upsert: () => {
      const seed = seedOf(filter);
      const made = modify(seed, true);
      if (Object.hasOwn(seed, '_id')) checkSameId(seed._id, made._id);
      return withId(made, filter);
    },
  };
}

function replacement(update: Doc, { filter, arrayFilters }: UpdateRequest): Updater {
  if (arrayFilters !== undefined) fault(9, 'Cannot specify arrayFilters and a replacement document');
  for (const name of Object.keys(update))
    if (name.startsWith('$'))
      fault(
        52,
        `The dollar ($) prefixed field '${name}' in '${name}' is not allowed in the context of an update's replacement document. Consider using an aggregation pipeline with $replaceWith.`,
      );
  return {
    kind: 'replacement',
    apply: (doc) => withSameId(doc, Object.hasOwn(update, '_id') ? update : { _id: doc._id, ...update }),
    upsert: () => withId(update, filter),
  };
}

function checkSameId(before: unknown, after: unknown): void {
  if (!equalValues(before, after))
    throw new MongoServerFault(
      66,
      "Performing an update on the path '_id' would modify the immutable field '_id'",
    );
}

/** The result with the `_id` it must have, in front. */
function withSameId(before: Doc, after: Doc): Doc {
  if (!Object.hasOwn(after, '_id')) return { _id: before._id, ...after };
  checkSameId(before._id, after._id);
  return after;
}

function withId(doc: Doc, filter: Doc): Doc {
  if (Object.hasOwn(doc, '_id')) {
    const wanted = fixedId(filter);
    if (wanted !== undefined) checkSameId(wanted, doc._id);
    return doc;
  }
  return { _id: fixedId(filter) ?? new ObjectId(), ...doc };
}
