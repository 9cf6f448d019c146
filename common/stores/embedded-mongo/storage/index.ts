import { EJSON } from 'bson';
import { ObjectId, isDoc, toNumber, type Doc } from '../bson/types.js';
import { MongoServerFault, fault } from '../errors.js';
import { compileCollation, type Collation } from '../query/collation.js';
import { plainContext } from '../query/context.js';
import { compileFilter, type Predicate } from '../query/filter.js';
import { indexFields, indexTuples, isMultikey, shownValue, tupleKey, type IndexField } from './index-keys.js';
import { checkPartialFilter } from './partial-filter.js';
import { SortedKeys } from './sorted-keys.js';

/** Above every key: keys are made of characters up to 255. */
export const KEY_END = '\uffff';

/** One index of a collection: its definition as the client gave it, and its keys, in memory. */
export class Index {
  readonly name: string;
  readonly spec: Doc;
  readonly fields: readonly IndexField[];
  readonly sparse: boolean;
  readonly collation: Collation | undefined;
  readonly keys = new SortedKeys();
  readonly #partial: Predicate | undefined;
  #multikey = false;

  constructor(spec: Doc) {
    this.spec = spec;
    this.name = spec.name as string;
    this.fields = indexFields(spec.key as Doc);
    this.sparse = spec.sparse === true;
    this.collation = compileCollation(isDoc(spec.collation) ? spec.collation : undefined);
    this.#partial = isDoc(spec.partialFilterExpression)
      ? compileFilter(spec.partialFilterExpression, plainContext())
      : undefined;
  }

  /** Whether new keys must be unique; with `prepareUnique` there may be duplicates from before. */
  get unique(): boolean {
    return this.spec.unique === true || this.spec.prepareUnique === true || this.name === '_id_';
  }

  /** The records that share a key, for every key that more than one has. */
  duplicates(): readonly (readonly number[])[] {
    const byKey = new Map<string, number[]>();
    for (const [key, id] of this.keys.entries('', KEY_END)) {
      const ids = byKey.get(key);
      if (ids === undefined) byKey.set(key, [id]);
      else ids.push(id);
    }
    return [...byKey.values()].filter(({ length }) => length > 1);
  }

  /** Whether any document has an array at an indexed place, so that one document stands under several keys. */
  get multikey(): boolean {
    return this.#multikey;
  }

  /** Whether every document of the collection is in it. */
  get complete(): boolean {
    return !this.sparse && this.#partial === undefined;
  }

  /** Seconds after which a document expires; undefined when it is no TTL index. */
  get expireAfterSeconds(): number | undefined {
    return toNumber(this.spec.expireAfterSeconds);
  }

  /** Whether it holds keys for plain comparison: a wildcard or special index does not. */
  get comparable(): boolean {
    return this.fields.every(({ name }) => !name.includes('$'));
  }

  /** The keys under which it holds a document. Throws when the document cannot be indexed. */
  keysOf(doc: Doc): readonly string[] {
    if (this.#partial !== undefined && !this.#partial(doc)) return [];
    const tuples = indexTuples(doc, this.fields);
    if (this.sparse && tuples.every((tuple) => tuple.every((value) => value === undefined))) return [];
    const keys = tuples.map((tuple) => tupleKey(tuple, this.fields, this.collation?.fold));
    return keys.length > 1 ? [...new Set(keys)] : keys;
  }

  /** Throws a duplicate-key fault when another record than `self` stands under one of `keys`. */
  checkUnique(keys: readonly string[], doc: Doc, self: number | undefined, namespace: string): void {
    if (!this.unique) return;
    for (const key of keys) if (this.keys.find(key, self) !== undefined) this.#duplicate(key, doc, namespace);
  }

  #duplicate(key: string, doc: Doc, namespace: string): never {
    const tuple = indexTuples(doc, this.fields).find(
      (candidate) => tupleKey(candidate, this.fields, this.collation?.fold) === key,
    );
    const keyValue: Doc = {};
    this.fields.forEach(({ name }, at) => (keyValue[name] = shownValue(tuple?.[at])));
    const shown = Object.entries(keyValue).map(([name, value]) => `${name}: ${show(value)}`);
    return fault(
      11000,
      `E11000 duplicate key error collection: ${namespace} index: ${this.name} dup key: { ${shown.join(', ')} }`,
      { keyPattern: this.spec.key, keyValue },
    );
  }

  add(keys: readonly string[], doc: Doc, id: number): void {
    for (const key of keys) this.keys.insert(key, id);
    if (!this.#multikey && isMultikey(doc, this.fields)) this.#multikey = true;
  }

  remove(keys: readonly string[], id: number): void {
    for (const key of keys) this.keys.delete(key, id);
  }
}

/** A value as mongod's messages show it. */
function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (value instanceof Date) return `new Date(${value.getTime()})`;
  if (value instanceof ObjectId) return `ObjectId('${value.toHexString()}')`;
  return isDoc(value) || Array.isArray(value)
    ? EJSON.stringify(value)
    : (value as { toString(): string }).toString();
}

const OPTIONS = new Set([
  'v',
  'key',
  'name',
  'ns',
  'unique',
  'sparse',
  'background',
  'expireAfterSeconds',
  'partialFilterExpression',
  'collation',
  'hidden',
  'storageEngine',
  'prepareUnique',
  'clustered',
  'wildcardProjection',
  'weights',
  'default_language',
  'language_override',
  'textIndexVersion',
  '2dsphereIndexVersion',
  'bits',
  'min',
  'max',
]);

/** Options that are written anew, or say nothing of the index itself. */
const REPLACED_OPTIONS = new Set(['v', 'key', 'name', 'ns', 'background']);

/** Checks a `createIndexes` entry and puts it into the form that is kept and listed. */
export function normalizeIndexSpec(given: Doc): Doc {
  const { key, name } = given;
  if (!isDoc(key) || Object.keys(key).length === 0) return fault(67, 'Index keys cannot be an empty object');
  if (typeof name !== 'string' || name === '')
    return fault(9, "The 'name' field is a required property of an index specification");
  for (const option of Object.keys(given))
    if (!OPTIONS.has(option)) fault(197, `The field '${option}' is not valid for an index specification.`);
  for (const [field, kind] of Object.entries(key)) checkIndexField(field, kind);
  const ttl = given.expireAfterSeconds;
  if (ttl !== undefined && (toNumber(ttl) === undefined || (toNumber(ttl) as number) < 0))
    fault(67, "TTL index 'expireAfterSeconds' option must be numeric and not negative");
  if (isDoc(given.partialFilterExpression)) {
    compileFilter(given.partialFilterExpression, plainContext());
    checkPartialFilter(given.partialFilterExpression);
  }
  if (given.sparse === true && given.partialFilterExpression !== undefined)
    fault(67, 'cannot mix "partialFilterExpression" and "sparse" options');
  const options = Object.entries(given).filter(([option]) => !REPLACED_OPTIONS.has(option));
  return { v: 2, key, name, ...Object.fromEntries(options) };
}

function checkIndexField(field: string, kind: unknown): void {
  if (field === '') throw new MongoServerFault(67, 'Index keys cannot be an empty field.');
  if (typeof kind === 'string') {
    if (kind !== 'hashed')
      fault(67, `index type '${kind}' is not supported by the embedded server: use a real mongod`);
  } else if (!toNumber(kind)) {
    fault(
      67,
      `Values in v:2 index key pattern cannot be of type ${typeof kind} or 0. Only numbers and strings are allowed.`,
    );
  }
}
