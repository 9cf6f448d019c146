import { deserialize, EJSON } from 'bson';
import type { EffectValue } from '../arms-contract.js';

/**
 * A BSON document as comparison sees it: extended JSON in which a type that JavaScript would blur stays visible, but for
 * 32-bit integers and fractions, which stand as plain numbers since that is what almost every number is.
 */
export function valueOfDocument(raw: Uint8Array): EffectValue {
  const document = deserialize(raw, { promoteValues: false, bsonRegExp: true });
  return plain(EJSON.serialize(document, { relaxed: false }));
}

const OBJECT_ID = 0x07;

/** The text that names a document: its `_id` as extended JSON. */
export function idOfDocument(raw: Uint8Array): string {
  const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
  // Almost every document begins with an ObjectId named _id: then the rest need not be decoded for its name.
  if (bytes[4] === OBJECT_ID && bytes.toString('latin1', 5, 9) === '_id\0')
    return `{"$oid":"${bytes.toString('hex', 9, 21)}"}`;
  const { _id: id } = valueOfDocument(raw) as { readonly [key: string]: EffectValue };
  return id === undefined ? '' : JSON.stringify(id);
}

function plain(value: EffectValue): EffectValue {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return (value as readonly EffectValue[]).map(plain);
  const object = value as { readonly [key: string]: EffectValue };
  const keys = Object.keys(object);
  if (keys.length === 1) {
    const [key] = keys as [string];
    const inner = object[key]!;
    if (key === '$numberInt') return Number(inner);
    if (key === '$numberDouble' && typeof inner === 'string' && /\.\d*[1-9]/.test(inner))
      return Number(inner);
    if (key === '$date') return { $date: dateText(inner) };
    if (key === '$oid' || key.startsWith('$number')) return object;
  }
  return Object.fromEntries(Object.entries(object).map(([key, inner]) => [key, plain(inner)]));
}

/** ISO where JavaScript's dates reach, else the milliseconds. */
function dateText(inner: EffectValue): EffectValue {
  const ms = Number((inner as { readonly $numberLong?: string }).$numberLong ?? Number.NaN);
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : inner;
}
